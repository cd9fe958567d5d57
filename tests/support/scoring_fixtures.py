"""The emulator over real storage, for tests that run whole tasks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from support.scoring import Scoring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_fabml.local.azurite import Azurite


@pytest.fixture(scope="session")
def lake(azurite: Azurite) -> Azurite:
    """The session's storage with the container that datastore and shortcut show."""
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient

    client = BlobServiceClient.from_connection_string(azurite.connection_string)
    with client, contextlib.suppress(ResourceExistsError):
        client.create_container("trusted")
    return azurite


@pytest.fixture(scope="session")
def scoring(lake: Azurite) -> Iterator[Scoring]:
    """A demo workspace that really scores; jobs end as soon as they are scored."""
    with serve(lake, "immediate") as served:
        yield served


@pytest.fixture(scope="session")
def slow_scoring(lake: Azurite) -> Iterator[Scoring]:
    """The same, but a job takes its time: two seconds through all states."""
    with serve(lake, "timed") as served:
        yield served


@pytest.fixture
def manual_scoring(lake: Azurite) -> Iterator[Scoring]:
    """The same, but a job moves only when the test says so."""
    with serve(lake, "manual") as served:
        yield served


@contextlib.contextmanager
def serve(lake: Azurite, clock: str) -> Iterator[Scoring]:
    """A demo workspace that really scores, at the clock's pace."""
    from airflow_provider_fabml.emulator import EmulatorServer

    with EmulatorServer(storage=lake, clock=clock) as emulator:
        yield Scoring(emulator, lake)
