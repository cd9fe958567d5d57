"""What a hostile answer can reach: no token leaves for a host that nobody named (D16).

The foreign host is a real server with a certificate that the client trusts, so that only the rule about
hosts can stop a request to it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.foreign import Foreign, foreign_host
from support.proxy import proxy

from airflow_provider_fabml.clients.batch_endpoint import (
    AsyncBatchEndpointClient,
    BatchEndpointClient,
)
from airflow_provider_fabml.clients.storage import StorageClient
from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient
from airflow_provider_fabml.core.connections.azure_ml_connection import parse_azure_ml_connection
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.errors import FabmlError, PermanentError, UsageError
from airflow_provider_fabml.core.service.flows import Target
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.readiness import Rules
from airflow_provider_fabml.emulator import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFUSED = "no token was sent"
ENDPOINT = "heart-classifier"
BODY = {
    "properties": {
        "inputData": {
            "heart": {
                "jobInputType": "UriFolder",
                "uri": "azureml://datastores/trusted_blob/paths/in",
            }
        }
    }
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorServer]:
    """The demo workspace; nothing is scored here."""
    with EmulatorServer(clock="manual") as server:
        yield server


@pytest.fixture
def foreign(emulator: EmulatorServer) -> Iterator[Foreign]:
    """Somebody else's host."""
    with foreign_host() as server:
        yield server
    emulator.control.clear_faults()


@pytest.fixture
def connection(emulator: EmulatorServer, foreign: Foreign, tmp_path: Path) -> Any:
    """A connection to the emulator that trusts the foreign host's certificate as well."""
    return connect(emulator, foreign.bundle(tmp_path, Path(emulator.ca_bundle).read_text()))


def connect(emulator: EmulatorServer, bundle: str | None, **extra: Any) -> Any:
    """The emulator's connection with another bundle and further fields."""
    made = emulator.connection()
    fields = {**made["extra"], "ca_bundle": bundle, **extra}
    return parse_azure_ml_connection(
        fields, login=made["login"], password=made["password"], name="c"
    )


def invoke(client: BatchEndpointClient) -> Any:
    """Find the deployment and start a job, as an operator does."""
    target = client.target(ENDPOINT, None, None)
    return client.invoke(target, BODY, deployment_name=None, invocation_id="i")


HOSTILE: dict[str, tuple[str, str, Callable[[BatchEndpointClient], Any]]] = {
    "scoring URI": (r"/batchEndpoints/[^/]+$", "/properties/scoringUri", invoke),
    "next page of endpoints": (
        r"/batchEndpoints$",
        "/nextLink",
        lambda client: client.list_endpoints(),
    ),
    "next page of deployments": (
        r"/deployments$",
        "/nextLink",
        lambda client: client.list_deployments(ENDPOINT),
    ),
    "next page of jobs": (r"/jobs$", "/nextLink", lambda client: client.list_jobs(ENDPOINT)),
    "discovery": (
        r"/workspaces/[^/]+$",
        "/properties/discoveryUrl",
        lambda client: client.failure_reason("j"),
    ),
    "service API": ("/discovery$", "/api", lambda client: client.failure_reason("j")),
}


@pytest.mark.parametrize("spelling", ["{far}/x", "https://{near}@{bare}/x", "{far}/{near}/x"])
@pytest.mark.parametrize("place", HOSTILE)
def test_an_address_that_leads_elsewhere_is_refused(
    emulator: EmulatorServer, foreign: Foreign, connection: Any, place: str, spelling: str
) -> None:
    """Whatever the service names: another host gets no request, and the user reads which it was."""
    path, pointer, ask = HOSTILE[place]
    near, bare = emulator.url.removeprefix("https://"), foreign.url.removeprefix("https://")
    address = spelling.format(far=foreign.url, near=near, bare=bare)
    emulator.control.add_fault(method="GET", path=path, edit={pointer: address}, times=9)
    with BatchEndpointClient(connection) as client, pytest.raises(PermanentError) as caught:
        ask(client)
    assert REFUSED in str(caught.value)
    assert "allowed_hosts" in str(caught.value)
    assert foreign.seen == []


def test_an_address_that_the_connection_allows_is_followed(
    emulator: EmulatorServer, foreign: Foreign, tmp_path: Path
) -> None:
    """The counter-proof: the same answer reaches the same host where the connection names it."""
    bundle = foreign.bundle(tmp_path, Path(emulator.ca_bundle).read_text())
    allowed = foreign.url.removeprefix("https://")
    emulator.control.add_fault(
        method="GET", path="/batchEndpoints$", edit={"/nextLink": f"{foreign.url}/next"}
    )
    with BatchEndpointClient(connect(emulator, bundle, allowed_hosts=allowed)) as client:
        client.list_endpoints()
    ((_, path, headers, _),) = foreign.seen
    assert path == "/next"
    assert headers["Authorization"].startswith("Bearer ey")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    emulator: EmulatorServer, foreign: Foreign, connection: Any, status: int
) -> None:
    """Reads, the job-creating POST, cancellations and polls end in an error that says the status."""
    fault = {"status": status, "headers": {"Location": f"{foreign.url}/x"}, "times": 9}
    target = Target(f"{emulator.url}/endpoints/{ENDPOINT}/jobs", "d", "model")

    async def poll() -> Any:
        async with AsyncBatchEndpointClient(connection) as client:
            return await client.get_job("j")

    with BatchEndpointClient(connection) as client:
        acts: list[Callable[[], Any]] = [
            lambda: client.get_job("j"),
            lambda: client.cancel_job("j"),
            lambda: client.invoke(target, BODY, deployment_name=None, invocation_id="i"),
            lambda: asyncio.run(poll()),
        ]
        for act in acts:
            emulator.control.add_fault(path="/jobs", **fault)
            with pytest.raises(PermanentError, match=str(status)):
                act()
            emulator.control.clear_faults()
    assert foreign.seen == []


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirected_token_request_takes_no_secret_along(
    emulator: EmulatorServer, foreign: Foreign, connection: Any, status: int
) -> None:
    """The client secret is in the body of a request to the issuer, and stays with it."""
    fault = {"status": status, "headers": {"Location": f"{foreign.url}/token"}, "times": 9}
    emulator.control.add_fault(method="POST", path="/oauth2/", **fault)
    with BatchEndpointClient(connection) as client, pytest.raises(FabmlError, match="no token"):
        client.get_workspace()
    assert foreign.seen == []


def test_the_location_of_an_invocation_is_not_asked(
    emulator: EmulatorServer, foreign: Foreign, connection: Any
) -> None:
    """The real one names yet another host: the job is read by its name."""
    emulator.control.add_fault(
        method="POST", path="/jobs$", headers={"Location": f"{foreign.url}/j"}
    )
    with BatchEndpointClient(connection) as client:
        job = invoke(client)
        assert client.get_job(job.name).name == job.name
    assert emulator.control.faults() == [], "the hostile answer was given"
    assert foreign.seen == []


def test_a_log_is_fetched_without_a_token(
    emulator: EmulatorServer, foreign: Foreign, connection: Any
) -> None:
    """Logs lie in storage under signed addresses: that host is asked, and learns nothing of ours."""
    with BatchEndpointClient(connection) as client:
        job = invoke(client)
        emulator.control.set_state(job.name, "Failed", "odd")
        files = {"/logFiles": {"logs/user/error.txt": f"{foreign.url}/log"}}
        emulator.control.add_fault(method="GET", path="/details$", edit=files)
        reason = client.failure_reason(job.name)
    assert reason.logs == ("logs/user/error.txt",)
    ((method, path, headers, body),) = foreign.seen
    assert (method, path, body) == ("GET", "/log", b"")
    assert "Authorization" not in headers


# What other clients understand as "do not check".
OFF = {"verify": False, "connection_verify": "false", "ssl_verify": 0, "insecure": True}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_no_field_and_no_environment_switches_the_check_of_certificates_off(
    emulator: EmulatorServer, asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for the loopback: there a bundle is named instead."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("CURL_CA_BUNDLE", "")
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    given = connect(emulator, "", **OFF)
    before = len(emulator.requests.all())

    async def read() -> Any:
        async with AsyncBatchEndpointClient(given) as client:
            return await client.get_job("j")

    def read_here() -> Any:
        with BatchEndpointClient(given) as client:
            return client.get_workspace()

    with pytest.raises(PermanentError, match="certificate"):
        asyncio.run(read()) if asynchronous else read_here()
    assert len(emulator.requests.all()) == before


@pytest.mark.parametrize("value", [False, True, 0])
def test_a_bundle_is_a_path_and_no_switch(emulator: EmulatorServer, value: object) -> None:
    """What looks like a switch is refused before anything is sent."""
    with pytest.raises(UsageError, match="cannot be turned off"):
        connect(emulator, value)  # type: ignore[arg-type]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_proxy_carries_tokens_and_secrets_only_inside_tls(
    emulator: EmulatorServer, connection: Any, asynchronous: bool
) -> None:
    """It learns the hosts' names, and sees neither the secret nor a token."""

    async def read(through: Any) -> Any:
        async with AsyncBatchEndpointClient(through) as client:
            with pytest.raises(PermanentError, match="404"):
                await client.get_job("no-such-job")

    with proxy() as tapped:
        through = connection._replace(proxies=tapped.proxies)
        if asynchronous:
            asyncio.run(read(through))
        else:
            with BatchEndpointClient(through) as client:
                assert client.get_workspace()["name"]
        carried = tapped.bytes
    assert carried.count(b"CONNECT 127.0.0.1:") >= 2
    secret = str(emulator.workspace.principals[0].secret).encode()
    for word in (b"Bearer", b"eyJ", b"client_secret", secret):
        assert word not in carried


@pytest.fixture(params=["thread", "event loop"])
def probe(request: pytest.FixtureRequest) -> Callable[[Any, Location], Any]:
    """Look at a place with the storage client of a worker, or of a triggerer."""

    def in_thread(settings: Any, place: Location) -> Any:
        with StorageClient(settings, retry_total=0) as client:
            return client.probe(place, Rules())

    async def in_loop(settings: Any, place: Location) -> Any:
        async with AsyncStorageClient(settings, retry_total=0) as client:
            return await client.probe(place, Rules())

    if request.param == "thread":
        return in_thread
    return lambda settings, place: asyncio.run(in_loop(settings, place))


def storage_settings(emulator: EmulatorServer, host: str | None, bundle: str) -> Any:
    """A storage connection whose tokens the emulator issues."""
    made = emulator.connection()
    extra = {
        "auth": "service_principal",
        "tenant_id": emulator.workspace.tenant_id,
        "authority_host": emulator.url,
        "ca_bundle": bundle,
    }
    return parse_storage_connection(
        host=host, login=made["login"], password=made["password"], extra=extra, field="test"
    )


def test_a_storage_token_goes_to_no_other_host(
    emulator: EmulatorServer, foreign: Foreign, tmp_path: Path, probe: Any
) -> None:
    """A path that names a stranger is refused before anything is sent."""
    bundle = foreign.bundle(tmp_path, Path(emulator.ca_bundle).read_text())
    settings = storage_settings(emulator, "https://lake.blob.core.windows.net", bundle)
    with pytest.raises(UsageError, match="gets no token"):
        probe(settings, Location("lake", "c", "d", foreign.url))
    assert foreign.seen == []


@pytest.mark.parametrize("status", [302, 307])
def test_storage_that_redirects_passes_no_token_on(
    emulator: EmulatorServer, foreign: Foreign, tmp_path: Path, probe: Any, status: int
) -> None:
    """Storage never redirects: the stranger is not asked at all."""
    with foreign_host(status, {"Location": f"{foreign.url}/c"}) as store:
        bundle = foreign.bundle(
            tmp_path,
            Path(emulator.ca_bundle).read_text(),
            store.authority.cert_pem.bytes().decode(),
        )
        settings = storage_settings(emulator, store.url, bundle)
        with pytest.raises(FabmlError, match=str(status)):
            probe(settings, Location("lake", "c", "d", store.url))
        asked = store.seen
    assert asked
    assert all(headers["Authorization"].startswith("Bearer ey") for _, _, headers, _ in asked)
    assert foreign.seen == []
