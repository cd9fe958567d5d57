"""What the client does besides the flows: asset ids before the POST, and one close for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
from airflow_provider_fabml.core.connections.azure_ml_connection import parse_azure_ml_connection
from airflow_provider_fabml.core.errors import NotSentError, PermanentError
from airflow_provider_fabml.emulator import EmulatorServer, load_workspace
from airflow_provider_fabml.emulator.workspace import DataAsset

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = "azureml://datastores/trusted_blob/paths/heart"


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorServer]:
    """The demo workspace with a data asset in three versions."""
    assets = [DataAsset(name="heart-data", version=v, path=FOLDER) for v in ("1", "2", "10")]
    served = load_workspace(None).model_copy(update={"data_assets": assets})
    with EmulatorServer(served, clock="manual") as server:
        yield server


@pytest.fixture
def client(emulator: EmulatorServer) -> Iterator[BatchEndpointClient]:
    """A client of the workspace."""
    made = emulator.connection()
    connection = parse_azure_ml_connection(
        made["extra"], login=made["login"], password=made["password"], name="c"
    )
    with BatchEndpointClient(connection) as ours:
        yield ours
    emulator.control.clear_faults()


def invoke(client: BatchEndpointClient, uri: str) -> Any:
    """Invoke the heart classifier on one input."""
    target = client.target("heart-classifier", None, "model")
    given = {"inputData": {"heart": {"jobInputType": "UriFolder", "uri": uri}}}
    body = client.with_asset_ids({"properties": given})
    return client.invoke(target, body, deployment_name=None, invocation_id="an-id")


def sent(emulator: EmulatorServer) -> dict[str, Any]:
    """The newest job's request as the service took it."""
    return dict(emulator.control.jobs()[-1]["request"]["inputData"]["heart"])


@pytest.mark.parametrize(
    ("uri", "version"), [("azureml:heart-data:2", "2"), ("azureml:heart-data@latest", "10")]
)
def test_a_short_asset_name_becomes_its_id(emulator, client, uri, version):
    """A version needs no question, the newest one a single read."""
    before = len(emulator.requests.matching("GET", "/data/"))
    invoke(client, uri)
    assert sent(emulator)["uri"] == f"{emulator.workspace.path}/data/heart-data/versions/{version}"
    assert len(emulator.requests.matching("GET", "/data/")) - before == uri.count("@")


def test_an_asset_that_is_not_there_costs_no_invocation(emulator, client):
    """404 before the POST, with the asset's name."""
    before = len(emulator.control.jobs())
    with pytest.raises(PermanentError, match="asset 'no-data'"):
        invoke(client, "azureml:no-data@latest")
    assert len(emulator.control.jobs()) == before


def test_a_label_without_a_version_is_refused(emulator, client):
    """Only `latest` can be found by a read."""
    with pytest.raises(PermanentError, match="'production'"):
        invoke(client, "azureml:heart-data@production")


def test_a_read_that_is_lost_is_no_lost_invocation(emulator, client):
    """The POST was not sent, and the error says so: no look-up, no settle window."""
    before = len(emulator.control.jobs())
    emulator.control.add_fault(method="GET", path="/data/", drop=True, times=9)
    with pytest.raises(NotSentError):
        invoke(client, "azureml:heart-data@latest")
    assert len(emulator.control.jobs()) == before
