"""What the tests of the storage sensor share: a watched container and its connection."""

from __future__ import annotations

import pytest
from azure.storage.blob import BlobServiceClient
from support.onelake_sensor import lake_connection


@pytest.fixture
def container(azurite, azurite_container):
    """A client of the watched container."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        yield service.get_container_client(azurite_container)


@pytest.fixture
def connections(azurite, azurite_container) -> dict:
    """The connections of the task."""
    return lake_connection(azurite, azurite_container)
