"""``get_conn()``: the SDK's own client, less two of its faults, which are measured here as well."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hooks.conftest import CONN_ID, OTHER, OTHER_SECRET, STORE, Site
from support.foreign import foreign_host

from airflow_provider_fabml.emulator import EmulatorServer
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:azure.ai.ml"),
    pytest.mark.filterwarnings("ignore:.*:marshmallow.warnings.ChangedInMarshmallow4Warning"),
    pytest.mark.filterwarnings("ignore:.*:marshmallow.warnings.RemovedInMarshmallow4Warning"),
]
HEADER = "azureml-model-deployment"
HEART = "heart-classifier"


@pytest.fixture(autouse=True)
def _nothing_kept_for_other_tests() -> Iterator[None]:
    """Undo what the SDK keeps in the process: the current cloud, the last invoke's headers."""
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields

    cloud = os.environ.get("AZUREML_CURRENT_CLOUD")
    EndpointInvokeFields.DEFAULT_HEADER.pop(HEADER, None)
    yield
    EndpointInvokeFields.DEFAULT_HEADER.pop(HEADER, None)
    os.environ.pop("AZUREML_CURRENT_CLOUD", None)
    if cloud is not None:
        os.environ["AZUREML_CURRENT_CLOUD"] = cloud


@pytest.fixture
def plain(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same client without our guard, pointed here as the SDK's pages say."""
    from azure.ai.ml import MLClient
    from azure.identity import EnvironmentCredential

    for name, value in site.emulator.environment().items():
        monkeypatch.setenv(name, value)
    served = site.emulator.workspace
    credential = EnvironmentCredential(disable_instance_discovery=True)
    place = (served.subscription_id, served.resource_group, served.name)
    return MLClient(credential, *place, enable_telemetry=False)


def invoke(client: Any, number: int = 0, **keywords: Any) -> Any:
    """Invoke through the SDK; the file name tells the calls apart."""
    from azure.ai.ml import Input, Output

    inputs = {"heart": Input(type="uri_folder", path=STORE + "heart")}
    outputs = {"score": Output(type="uri_file", path=f"{STORE}out/{number}.csv")}
    return client.batch_endpoints.invoke(HEART, inputs=inputs, outputs=outputs, **keywords)


def jobs(site: Site) -> int:
    """How many jobs the service has made."""
    return len(site.emulator.control.jobs())


def posts(site: Site) -> list[Any]:
    """The job-creating POSTs so far."""
    return [r for r in site.emulator.requests.matching("POST", "/jobs") if r.path[-5:] == "/jobs"]


def test_it_is_the_sdks_client_and_works(site: Site, connected: dict[str, Any]) -> None:
    """Reads, invocation, status and cancellation of the unmodified SDK."""
    from azure.ai.ml import MLClient

    client = AzureMLBatchHook().get_conn()
    assert type(client) is MLClient
    assert client.workspaces.get(client.workspace_name).location == "westeurope"
    assert len(list(client.batch_endpoints.list())) == 3
    job = invoke(client)
    assert client.jobs.get(job.name).name == job.name
    client.jobs.begin_cancel(job.name).result(timeout=10)
    assert client.jobs.get(job.name).status == "Canceled"


LOST = {
    "connection dropped": {"drop": True},
    "500": {"status": 500},
    "503": {"status": 503},
    "504": {"status": 504},
}


@pytest.mark.parametrize("loss", LOST)
def test_a_lost_answer_makes_one_job(site: Site, connected: dict[str, Any], loss: str) -> None:
    """After the work was done: the SDK alone sends the POST again, the guarded client raises."""
    from azure.core.exceptions import AzureError

    client, before = AzureMLBatchHook().get_conn(), jobs(site)
    site.emulator.control.add_fault(method="POST", path="/jobs$", when="after", **LOST[loss])
    with pytest.raises(AzureError, match="not sent twice"):
        invoke(client)
    assert jobs(site) - before == 1


@pytest.mark.parametrize("loss", LOST)
def test_the_unguarded_sdk_makes_two(site: Site, plain: Any, loss: str) -> None:
    """The measurement behind the guard: the same loss, two jobs, and the caller knows of one."""
    before = jobs(site)
    site.emulator.control.add_fault(method="POST", path="/jobs$", when="after", **LOST[loss])
    invoke(plain)
    assert jobs(site) - before == 2


def test_a_refusal_for_now_is_repeated(site: Site, connected: dict[str, Any]) -> None:
    """429 says that nothing ran, so the SDK's own wait and second POST are let through."""
    client, before, sent = AzureMLBatchHook().get_conn(), jobs(site), len(posts(site))
    site.emulator.control.add_fault(method="POST", path="/jobs$", status=429, retry_after="0")
    invoke(client)
    assert (jobs(site) - before, len(posts(site)) - sent) == (1, 2)


def test_a_deployment_name_does_not_leak(site: Site, connected: dict[str, Any], plain: Any) -> None:
    """After an invoke of a named deployment the next one has none; the SDK alone sends it again."""
    guarded = AzureMLBatchHook().get_conn()
    for client in (plain, guarded):
        invoke(client, deployment_name="strict-rule")
        invoke(client)
    _, leaked, named, clean = posts(site)[-4:]
    assert leaked.headers.get(HEADER) == "strict-rule"
    assert named.headers.get(HEADER) == "strict-rule"
    assert HEADER not in clean.headers


def test_threads_keep_their_own_bearer_and_deployment(
    site: Site, connected: dict[str, Any]
) -> None:
    """Eight threads, two identities, two deployments: every request is its caller's own."""
    connected["other"] = site.connection(login=OTHER, password=OTHER_SECRET)
    clients = {
        site.connection()["login"]: AzureMLBatchHook(CONN_ID).get_conn(),
        OTHER: AzureMLBatchHook("other").get_conn(),
    }
    before = len(posts(site))

    def call(number: int) -> tuple[int, str, str | None]:
        who = list(clients)[number % 2]
        deployment = "strict-rule" if number % 3 == 0 else None
        invoke(clients[who], number, deployment_name=deployment)
        return number, who, deployment

    with ThreadPoolExecutor(8) as pool:
        wanted = {number: (who, name) for number, who, name in pool.map(call, range(48))}
    seen = posts(site)[before:]
    got = {
        int(r.body.split("out/")[1].split(".csv")[0]): (
            r.authorization["appid"],
            r.headers.get(HEADER),
        )
        for r in seen
    }
    assert len(seen) == 48
    assert got == wanted


def test_two_clouds_of_ones_own_stay_apart(site: Site, connected: dict[str, Any]) -> None:
    """The SDK keeps clouds by name for the whole process; each connection has a name of its own."""
    with EmulatorServer(clock="manual") as second:
        connected["second"] = second.connection()
        clients = [AzureMLBatchHook(name).get_conn() for name in (CONN_ID, "second")]
        before = len(site.emulator.requests.all()), len(second.requests.all())
        for client in clients:
            assert len(list(client.batch_endpoints.list())) == 3
        after = len(site.emulator.requests.all()), len(second.requests.all())
    assert all(late > early for early, late in zip(before, after, strict=True))


def test_it_asks_for_the_connections_own_audience(site: Site, connected: dict[str, Any]) -> None:
    """For a cloud of one's own the SDK derives an audience from the URL; the connection's counts."""
    client = AzureMLBatchHook().get_conn()
    list(client.batch_endpoints.list())
    seen = site.emulator.requests.matching("GET", "/batchEndpoints")[-1]
    assert seen.authorization["aud"] == "https://management.azure.com"


def test_a_scoring_uri_that_leads_elsewhere_gets_no_token(
    site: Site, connected: dict[str, Any], tmp_path: Path
) -> None:
    """The SDK goes wherever the endpoint says; the guard does not let it."""
    with foreign_host() as foreign:
        bundle = foreign.bundle(tmp_path, Path(site.emulator.ca_bundle).read_text())
        connected[CONN_ID] = site.connection(ca_bundle=bundle)
        client = AzureMLBatchHook().get_conn()
        site.emulator.control.add_fault(kind="foreign_scoring_uri", to=foreign.url)
        with pytest.raises(Exception, match="no token was sent"):
            invoke(client)
        site.emulator.control.clear_faults()
        assert foreign.seen == []
