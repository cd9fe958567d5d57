"""A tree on a real storage server, and the connection to it."""

from __future__ import annotations

import pytest
from azure.storage.blob import BlobServiceClient
from support.watching import connection

from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient
from airflow_provider_fabml.core.arrivals.events import pause
from airflow_provider_fabml.triggers import arrival_tree


@pytest.fixture
def container(azurite, azurite_container):
    """A client of the watched container."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        yield service.get_container_client(azurite_container)


@pytest.fixture
def connections(azurite) -> dict:
    """The connection of the triggers; a test may change it."""
    return connection(azurite)


@pytest.fixture
def listed(monkeypatch) -> list[str]:
    """The prefix of each page that is asked for."""
    prefixes: list[str] = []
    page = AsyncStorageClient._page

    async def counted(self, container, request):
        prefixes.append(request.prefix)
        return await page(self, container, request)

    monkeypatch.setattr(AsyncStorageClient, "_page", counted)
    return prefixes


@pytest.fixture(autouse=True)
def _hurries(monkeypatch):
    """Triggers of a test start together at once, and their seconds are fifths of one."""
    monkeypatch.setattr(arrival_tree, "GATHER", 0.1)
    monkeypatch.setattr(arrival_tree, "pause", lambda *args, **named: pause(*args, **named) / 5)
