"""The services of a soak: storage, a workspace with two identities, and faults from a seed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scoring import Scoring

OTHER, OTHER_SECRET = "55555555-5555-5555-5555-555555555555", "the-other-identity-has-its-own"


@contextlib.contextmanager
def served(clock: str) -> Iterator[Scoring]:
    """A demo workspace over real storage, with a second principal; lists in large pages."""
    from azure.storage.blob import BlobServiceClient
    from support.scoring import Scoring

    from airflow_provider_fabml.emulator import EmulatorServer, load_workspace
    from airflow_provider_fabml.emulator.workspace import Principal
    from airflow_provider_fabml.local.azurite import Azurite

    demo = load_workspace(None)
    both = [*demo.principals, Principal(client_id=OTHER, secret=OTHER_SECRET)]
    workspace = demo.model_copy(update={"principals": both})
    with contextlib.ExitStack() as stack:
        azurite = stack.enter_context(Azurite())
        with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
            client.create_container("trusted")
        emulator = stack.enter_context(
            EmulatorServer(workspace, storage=azurite, clock=clock, switches={"page_size": 500})
        )
        yield Scoring(emulator, azurite)


def connections(scoring: Scoring) -> dict[str, dict[str, Any]]:
    """Airflow connections: one for each identity, and the storage."""
    own = scoring.connections
    first = own.pop("azure_ml_default")
    other = {**first, "login": OTHER, "password": OTHER_SECRET}
    return {**own, "azure_ml_0": first, "azure_ml_1": other}
