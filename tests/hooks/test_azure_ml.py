"""The hook: every form of a connection, every identity, and what it asks of a workspace."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import select
import socket
import socketserver
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hooks.conftest import ASSIGNED, CERTIFIED, CONN_ID, FEDERATED, STORE, Site

from airflow_provider_fabml import UriFile, UriFolder
from airflow_provider_fabml.core.errors import (
    AnswerLostError,
    NotSentError,
    PermanentError,
    UsageError,
)
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMO = "44444444-4444-4444-4444-444444444444"
INPUTS, OUTPUTS = {"heart": UriFolder(STORE + "heart")}, {"score": UriFile(STORE + "out.csv")}


def default_hook() -> AzureMLBatchHook:
    """A new hook of the default connection."""
    return AzureMLBatchHook()


# Where a connection comes from.


def as_json(connection: dict[str, Any]) -> str:
    """The JSON form of a connection in an environment variable."""
    return json.dumps(connection)


def as_uri(connection: dict[str, Any]) -> str:
    """The URI form: every extra field is a query parameter."""
    extra = "&".join(f"{k}={quote(str(v), safe='')}" for k, v in connection["extra"].items())
    login, password = (quote(connection[n] or "", safe="") for n in ("login", "password"))
    return f"azure-ml://{login}:{password}@/?{extra}"


@pytest.mark.parametrize("form", [as_json, as_uri])
def test_a_connection_comes_from_an_environment_variable(
    site: Site, monkeypatch: pytest.MonkeyPatch, form: Any
) -> None:
    """JSON and URI say the same, and both work."""
    monkeypatch.setenv("AIRFLOW_CONN_FROM_OUTSIDE", form(site.connection()))
    hook = AzureMLBatchHook("from_outside")
    assert hook.test_connection()[0]
    value = hook.get_connection_value()
    assert value.identity.client_secret == site.connection()["password"]
    assert (value.workspace.name, value.cloud.name) == ("trusted-ml", "custom")
    hook.close()


def test_numbers_and_lists_may_be_text(connected: dict[str, Any], site: Site) -> None:
    """A form and a URI know only text: timeouts, hosts and proxies are read from it."""
    connected[CONN_ID] = site.connection(
        connect_timeout="2.5",
        read_timeout="7",
        allowed_hosts="a.example.net, b.example.net:8443",
        proxies='{"https": "http://127.0.0.1:9"}',
    )
    value = default_hook().get_connection_value()
    assert (value.connect_timeout, value.read_timeout) == (2.5, 7.0)
    assert value.cloud.hosts == ("a.example.net", "b.example.net:8443")
    assert value.proxies == {"https": "http://127.0.0.1:9"}


def test_an_extra_that_is_no_json_is_not_shown(connected: dict[str, Any], site: Site) -> None:
    """What cannot be read may hold a secret, so the message hides it."""
    connected[CONN_ID] = {**site.connection(), "extra": "client_secret=hunter2"}
    with pytest.raises((UsageError, ValueError)) as caught:
        default_hook().get_connection_value()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("cloud", "arm", "issuer", "audience", "endpoint"),
    [
        (
            "AzureCloud",
            "https://management.azure.com",
            None,
            "https://ml.azure.com",
            ".inference.ml.azure.com",
        ),
        (
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://ml.azure.us",
            ".inference.ml.azure.us",
        ),
        (
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://ml.azure.cn",
            ".inference.ml.azure.cn",
        ),
    ],
)
def test_azures_own_clouds(
    connected: dict[str, Any], site: Site, cloud, arm, issuer, audience, endpoint
) -> None:
    """Hosts and audiences of a national cloud follow from its name; nothing is asked."""
    connected[CONN_ID] = site.connection(
        cloud=cloud, resource_manager_url=None, authority_host=None, ca_bundle=None
    )
    value = default_hook().get_connection_value()
    assert value.cloud.resource_manager == arm
    assert value.identity.authority_host == issuer
    assert value.cloud.scope("ml") == f"{audience}/.default"
    assert value.cloud.scope("arm") == f"{arm}/.default"
    assert value.cloud.endpoint_suffix == endpoint


def test_the_audience_for_china_can_be_named(connected: dict[str, Any], site: Site) -> None:
    """Microsoft's pages and SDK name different ones; a field decides."""
    connected[CONN_ID] = site.connection(
        cloud="AzureChinaCloud",
        resource_manager_url=None,
        authority_host=None,
        ml_audience="https://studio.ml.azure.cn",
    )
    cloud = default_hook().get_connection_value().cloud
    assert cloud.scope("ml") == "https://studio.ml.azure.cn/.default"


# Who asks.


def _text(path: Any) -> str:
    return path.read_text(encoding="utf-8")


IDENTITIES: dict[str, Any] = {
    "secret": (lambda s: {}, lambda s: {}, DEMO),
    "certificate file": (
        lambda s: {
            "auth": "service_principal_certificate",
            "certificate_path": str(s.folder / "with_key.pem"),
            "login": CERTIFIED,
            "password": None,
        },
        lambda s: {},
        CERTIFIED,
    ),
    "certificate text": (
        lambda s: {
            "auth": "service_principal_certificate",
            "certificate_data": _text(s.folder / "with_key.pem"),
            "login": CERTIFIED,
            "password": None,
        },
        lambda s: {},
        CERTIFIED,
    ),
    "managed identity of a machine": (
        lambda s: {"auth": "managed_identity", "login": None, "password": None},
        lambda s: s.emulator.identity_environment("imds"),
        DEMO,
    ),
    "managed identity of an app": (
        lambda s: {"auth": "managed_identity", "login": None, "password": None},
        lambda s: s.emulator.identity_environment("app_service"),
        DEMO,
    ),
    "user-assigned managed identity": (
        lambda s: {"auth": "managed_identity", "login": ASSIGNED, "password": None},
        lambda s: s.emulator.identity_environment("app_service"),
        ASSIGNED,
    ),
    "workload identity": (
        lambda s: {
            "auth": "workload_identity",
            "token_file": str(s.folder / "federated.jwt"),
            "login": FEDERATED,
            "password": None,
        },
        lambda s: {},
        FEDERATED,
    ),
    "workload identity of the pod": (
        lambda s: {"auth": "workload_identity", "login": None, "password": None, "tenant_id": None},
        lambda s: {
            "AZURE_TENANT_ID": s.emulator.workspace.tenant_id,
            "AZURE_CLIENT_ID": FEDERATED,
            "AZURE_FEDERATED_TOKEN_FILE": str(s.folder / "federated.jwt"),
        },
        FEDERATED,
    ),
    "default chain": (
        lambda s: {"auth": "default", "login": None, "password": None, "tenant_id": None},
        lambda s: {
            name: value
            for name, value in s.emulator.environment().items()
            if name in {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"}
        },
        DEMO,
    ),
}


@pytest.fixture(params=IDENTITIES)
def identity(
    request: pytest.FixtureRequest,
    site: Site,
    connected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """One kind of identity as the default connection; gives the principal's client id."""
    fields, environment, client_id = IDENTITIES[request.param]
    connected[CONN_ID] = site.connection(**fields(site))
    for name, value in environment(site).items():
        monkeypatch.setenv(name, value)
    return client_id


def test_each_identity_gets_real_tokens(site: Site, identity: str) -> None:
    """The service sees the right principal, for Resource Manager and for the data plane."""
    before = len(site.emulator.requests.all())
    hook = default_hook()
    hook.invoke("heart-classifier", inputs=INPUTS, outputs=OUTPUTS)
    hook.close()
    bearers = [r.authorization for r in site.emulator.requests.all()[before:] if r.authorization]
    assert {b["appid"] for b in bearers} == {identity}
    assert {b["aud"] for b in bearers} == {"https://management.azure.com", "https://ml.azure.com"}


def test_each_identity_works_in_asyncio(site: Site, identity: str) -> None:
    """The triggerer's twin gets tokens from the same issuer."""
    job, before = site.job(), len(site.emulator.requests.all())
    view = asyncio.run(default_hook().aget_job(job))
    seen = [r.authorization for r in site.emulator.requests.all()[before:] if r.authorization]
    assert (view.name, [b["appid"] for b in seen]) == (job, [identity])


def test_twenty_calls_need_one_token_a_scope(site: Site, connected: dict[str, Any]) -> None:
    """Tokens are cached: two scopes, two requests, whatever the number of calls."""
    hook, before = default_hook(), site.tokens()
    job = hook.invoke("heart-classifier", inputs=INPUTS, outputs=OUTPUTS).job_name
    for _ in range(18):
        hook.get_job(job)
    hook.cancel_job(job)
    hook.close()
    assert site.tokens() - before == 2


def test_twenty_calls_in_asyncio_need_one_token(site: Site, connected: dict[str, Any]) -> None:
    """The same for one asyncio client."""
    job, before = site.job(), site.tokens()

    async def ask() -> None:
        async with await default_hook().aget_client() as client:
            for _ in range(20):
                await client.get_job(job)

    asyncio.run(ask())
    assert site.tokens() - before == 1


def test_a_token_that_runs_out_is_renewed(site: Site, connected: dict[str, Any]) -> None:
    """A client that lives longer than its token goes on."""
    hook, job, issuer = default_hook(), site.job(), site.emulator.service.issuer
    site.emulator.control.set_token_lifetime(301)  # azure-identity renews 300 s before the end
    try:
        before = site.tokens()
        hook.get_job(job)
        time.sleep(1.5)
        hook.get_job(job)
        assert site.tokens() - before == 2
    finally:
        issuer.lifetime = 0
        hook.close()


# How hosts are reached.


def test_the_ca_bundle_may_come_from_the_environment(
    site: Site, connected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE serves both worlds, and the token issuer too."""
    job = site.job()
    connected[CONN_ID] = site.connection(ca_bundle=None)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.emulator.ca_bundle))
    hook = default_hook()
    assert hook.get_job(job).name == job
    hook.close()
    assert asyncio.run(default_hook().aget_job(job)).name == job


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_untrusted_certificate_is_refused(
    site: Site, connected: dict[str, Any], asynchronous: bool
) -> None:
    """TLS verification is on: without the bundle nothing is sent, and the remedy is named."""
    connected[CONN_ID] = site.connection(ca_bundle=None)
    before, hook = len(site.emulator.requests.all()), default_hook()
    with pytest.raises(PermanentError, match="ca_bundle"):
        asyncio.run(hook.aget_job("a-job")) if asynchronous else hook.get_job("a-job")
    hook.close()
    assert len(site.emulator.requests.all()) == before


def test_the_read_timeout_ends_a_wait(site: Site, connected: dict[str, Any]) -> None:
    """A command whose answer takes too long has an unknown outcome, told after the timeout."""
    job = site.job()
    connected[CONN_ID] = site.connection(read_timeout=0.5)
    hook = default_hook()
    hook.get_job(job)
    site.emulator.control.add_fault(path="/cancel", delay=5)
    start = time.monotonic()
    with pytest.raises(AnswerLostError, match="before an answer came"):
        hook.cancel_job(job)
    assert time.monotonic() - start < 3
    hook.close()
    site.emulator.control.clear_faults()


def test_an_address_where_nobody_listens_is_told_as_such(
    site: Site, connected: dict[str, Any]
) -> None:
    """No connection means: nothing was sent, and a later try may work."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        connected[CONN_ID] = site.connection(
            resource_manager_url=f"https://127.0.0.1:{port}", allowed_hosts=f"127.0.0.1:{port}"
        )
        with pytest.raises(NotSentError, match=r"no connection \(\[Errno 111\] Connection refused"):
            default_hook().get_job("a-job")


class _Tunnel(socketserver.BaseRequestHandler):
    """A forward proxy: CONNECT, then bytes both ways."""

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(4096)
        host, _, port = head.split()[1].decode().partition(":")
        self.server.seen.append((f"{host}:{port}", b"Proxy-Authorization" in head))
        with socket.create_connection((host, int(port))) as far:
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.request: far, far: self.request}
            while True:
                for end in select.select(list(ends), [], [], 10)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.seen: list[tuple[str, bool]] = []


@contextmanager
def forward_proxy() -> Iterator[_Proxy]:
    """A real proxy on the loopback."""
    with _Proxy() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_everything_goes_through_the_proxy(
    site: Site, connected: dict[str, Any], asynchronous: bool
) -> None:
    """Tokens and requests alike, with the proxy's own user name and password."""
    job = site.job()
    with forward_proxy() as proxy:
        port = proxy.server_address[1]
        proxies = {"https": f"http://worker:proxy-password@127.0.0.1:{port}"}
        connected[CONN_ID] = site.connection(proxies=proxies)
        hook = default_hook()
        view = asyncio.run(hook.aget_job(job)) if asynchronous else hook.get_job(job)
        hook.close()
    assert view.name == job
    assert len(proxy.seen) >= 2, "the issuer and the service"
    assert set(proxy.seen) == {(site.emulator.url.removeprefix("https://"), True)}


# What it asks.


def test_lists_are_read_to_the_last_page(site: Site, connected: dict[str, Any]) -> None:
    """Endpoints and deployments, one item a page."""
    hook = default_hook()
    site.emulator.control.set_switches(page_size=1)
    try:
        before = len(site.emulator.requests.all())
        endpoints = [item["name"] for item in hook.list_endpoints()]
        seen = site.emulator.requests.all()[before:]
        asked = [r for r in seen if r.path.endswith("/batchEndpoints")]
        deployments = {item["name"] for item in hook.list_deployments("heart-classifier")}
    finally:
        site.emulator.control.set_switches(page_size=30)
        hook.close()
    assert sorted(endpoints) == sorted(e.name for e in site.emulator.workspace.endpoints)
    assert len(asked) == len(endpoints) == 3
    assert deployments == {"rule", "strict-rule"}


def test_a_job_from_start_to_cancellation(site: Site, connected: dict[str, Any]) -> None:
    """Invoke gives the handle, get_job the status, cancel_job ends it, a second one says so."""
    hook = default_hook()
    handle = hook.invoke(
        "heart-classifier",
        inputs=INPUTS,
        outputs=OUTPUTS,
        deployment_name="strict-rule",
        job_settings={"MiniBatchSize": 1},
    )
    assert handle.deployment_name == "strict-rule"
    assert handle.outputs == {"score": {"type": "UriFile", "uri": STORE + "out.csv"}}
    assert "https://ml.azure.com/runs/" in handle.studio_url
    assert not hook.get_job(handle.job_name).status.startswith("C")
    assert hook.cancel_job(handle.job_name) is True
    site.emulator.control.wait(handle.job_name, 10)
    assert hook.get_job(handle.job_name).status == "Canceled"
    site.emulator.control.set_switches(cancel_finished_job="conflict")
    assert hook.cancel_job(handle.job_name) is False
    site.emulator.control.set_switches(cancel_finished_job="ok")
    hook.close()


def test_the_asyncio_twins_answer_alike(site: Site, connected: dict[str, Any]) -> None:
    """aget_job and acancel_job say what get_job and cancel_job say."""
    job, hook = site.job(), default_hook()
    assert asyncio.run(hook.aget_job(job)) == hook.get_job(job)
    assert asyncio.run(hook.acancel_job(job)) is True
    site.emulator.control.wait(job, 10)
    assert asyncio.run(hook.aget_job(job)).status == "Canceled"
    hook.close()


def test_the_reason_of_a_failure(site: Site, connected: dict[str, Any]) -> None:
    """Run history's own words."""
    job, hook = site.job(), default_hook()
    site.emulator.control.set_state(job, "Failed", "the path already exists")
    reason = hook.failure_reason(job)
    hook.close()
    assert "the path already exists" in reason.message
    assert "own" in str(reason.remedy)


def test_a_refusal_costs_no_invocation(site: Site, connected: dict[str, Any]) -> None:
    """A rule of the deployment's kind is held before the POST, in the hook too."""
    hook, before = default_hook(), len(site.emulator.requests.matching("POST", "/jobs"))
    with pytest.raises(UsageError, match="exactly one"):
        hook.invoke("heart-classifier", inputs={**INPUTS, "b": INPUTS["heart"]}, outputs=OUTPUTS)
    hook.close()
    assert len(site.emulator.requests.matching("POST", "/jobs")) == before


# The button in the UI.


def test_a_good_connection_says_what_it_found(connected: dict[str, Any]) -> None:
    """Workspace, region and the number of endpoints."""
    hook = default_hook()
    assert hook.test_connection() == (
        True,
        "Workspace 'trusted-ml' in westeurope answers; it has 3 batch endpoints.",
    )
    hook.close()


BAD = {
    "wrong secret": ({"password": "wrong-password-1"}, "AADSTS7000215", "secret"),
    "wrong workspace": ({"workspace_name": "other-ml"}, "404", "workspace of the connection"),
    "wrong subscription": ({"subscription_id": DEMO}, "404", "subscription"),
    "no workspace": ({"workspace_name": None}, "workspace_name", "name of the Azure Machine"),
    "wrong tenant": ({"tenant_id": DEMO}, "Tenant", "tenant"),
    "no bundle": ({"ca_bundle": None}, "trusted authority", "ca_bundle"),
    "no such bundle": ({"ca_bundle": "/nowhere/ca.pem"}, "/nowhere/ca.pem", "ca_bundle"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_connection_says_what_to_mend(
    site: Site, connected: dict[str, Any], case: str
) -> None:
    """False with reason and remedy, never an exception and never a secret."""
    change, reason, remedy = BAD[case]
    connected[CONN_ID] = site.connection(**change)
    hook = default_hook()
    good, text = hook.test_connection()
    hook.close()
    assert not good
    assert reason in text
    assert remedy in text
    assert "wrong-password-1" not in text


# What it shows of itself.


def shown(thing: Any, depth: int = 3) -> str:
    """The repr of an object and of what it holds, a few levels deep, as a debugger shows it."""
    text = [repr(thing)]
    held = vars(thing) if hasattr(thing, "__dict__") else {}
    ours = type(thing).__module__.startswith("airflow_provider_fabml")
    if depth and ours and not dataclasses.is_dataclass(thing):  # a value is shown by its own repr
        text += [f"{name}={shown(value, depth - 1)}" for name, value in held.items()]
    return " ".join(text)


@pytest.mark.parametrize("auth", ["secret", "certificate text"])
def test_no_repr_shows_a_secret(site: Site, connected: dict[str, Any], auth: str) -> None:
    """Hook, connection, identity, wire and client: neither secrets nor a proxy's password."""
    from airflow_provider_fabml.clients.batch_endpoint import _wire

    fields = IDENTITIES[auth][0](site)
    proxies = {"https": "http://me:proxy-password-2b@127.0.0.1:9"}
    connected[CONN_ID] = site.connection(**fields, proxies=proxies)
    hook = default_hook()
    value = hook.get_connection_value()
    with hook.get_client() as client:
        text = " ".join(map(shown, (hook, value, value.identity, _wire(value), client)))
    secrets = [*value.identity.secrets, "proxy-password-2b"]
    assert len(secrets) == 2
    assert [secret for secret in secrets if secret in text] == []
    assert "PRIVATE KEY" not in text


def test_certificates_and_proxy_passwords_are_masked_in_logs(
    site: Site, connected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow masks a connection's password; what lies inside the extra is named to it by us."""
    from airflow.sdk._shared.secrets_masker import redact

    fields = IDENTITIES["certificate text"][0](site)
    proxies = {"https": "http://me:gate-8e-word@127.0.0.1:9"}
    connected[CONN_ID] = site.connection(**fields, proxies=proxies)
    default_hook().get_connection_value()
    asyncio.run(default_hook().aget_connection_value())
    line = f"said gate-8e-word and {fields['certificate_data']}"
    assert redact(line) == "said *** and ***"
