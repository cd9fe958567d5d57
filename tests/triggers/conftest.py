"""A tree on a real storage server, and the connection to it."""

from __future__ import annotations

import pytest
from azure.storage.blob import BlobServiceClient

from airflow_provider_fabml.triggers import arrival_tree


@pytest.fixture
def container(azurite, azurite_container):
    """A client of the watched container."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        yield service.get_container_client(azurite_container)


@pytest.fixture
def connections(azurite) -> dict:
    """The connection of the triggers; a test may change it."""
    return {
        "onelake_default": {
            "conn_type": "onelake",
            "host": azurite.blob_url,
            "login": azurite.account,
            "password": azurite.key,
        }
    }


@pytest.fixture(autouse=True)
def _gathers_quickly(monkeypatch):
    """Triggers of a test start together at once."""
    monkeypatch.setattr(arrival_tree, "GATHER", 0.1)
