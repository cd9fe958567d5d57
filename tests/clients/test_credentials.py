"""Every identity gets a real token from a real issuer, and storage that checks tokens takes it."""

from __future__ import annotations

import asyncio
import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_fabml.clients.credentials import make_async_credential, make_credential
from airflow_provider_fabml.clients.storage import StorageClient
from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient
from airflow_provider_fabml.core.connections.credential import CredentialSpec, parse_credential
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.core.storage.readiness import Rules

pytestmark = pytest.mark.azurite

CERTIFICATE = "service_principal_certificate"
KINDS = {
    "secret": lambda cloud: {"auth": "service_principal", "client_secret": cloud.secret},
    "certificate file": lambda cloud: {
        "auth": CERTIFICATE,
        "certificate_path": str(cloud.certificate),
    },
    "certificate text": lambda cloud: {
        "auth": CERTIFICATE,
        "certificate_data": cloud.certificate.read_text(),
    },
    "workload": lambda cloud: {"auth": "workload_identity", "token_file": str(cloud.token_file)},
    "managed": lambda _cloud: {"auth": "managed_identity", "client_id": None},
    "default chain": lambda _cloud: {"auth": "default"},
}


@pytest.fixture(params=KINDS)
def fields(request, cloud, monkeypatch) -> dict:
    """Connection fields of each identity, in the environment that it needs."""
    environment = {}
    if request.param == "managed":
        environment = cloud.emulator.identity_environment("app_service")
    if request.param == "default chain":
        environment = cloud.emulator.environment()
    for name, value in environment.items():
        if name != "REQUESTS_CA_BUNDLE":
            monkeypatch.setenv(name, value)
    return {**cloud.fields, **KINDS[request.param](cloud)}


def test_every_identity_reads_storage(cloud, fields):
    """Token from the issuer, request to OAuth storage over TLS: both clients find the file."""
    secret = fields.pop("client_secret", None)
    login = fields.pop("client_id", None) if "service_principal" in fields["auth"] else None
    settings = parse_storage_connection(
        host=cloud.place.endpoint, login=login, password=secret, extra=fields, field="test"
    )

    async def look():
        async with AsyncStorageClient(settings) as client:
            return await client.probe(cloud.place, Rules())

    with StorageClient(settings) as client:
        assert client.probe(cloud.place, Rules()).count == 1
    assert asyncio.run(look()).count == 1


def test_the_token_is_for_the_asked_audience_and_cached(cloud):
    """The real issuer is asked once for two tokens of one scope, and again for another scope."""
    spec = parse_credential({**cloud.fields, "client_secret": cloud.secret}, field="test")
    with make_credential(spec, ca_bundle=cloud.ca_bundle) as credential:
        first = credential.get_token("https://storage.azure.com/.default").token
        again = credential.get_token("https://storage.azure.com/.default").token
        other = credential.get_token("https://ml.azure.com/.default").token

    assert first == again
    assert (_claims(first)["aud"], _claims(first)["appid"]) == (
        "https://storage.azure.com",
        cloud.client_id,
    )
    assert _claims(other)["aud"] == "https://ml.azure.com"


def _claims(token: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


class OtherAudience:
    """A real credential that is asked for tokens of another service."""

    def __init__(self, real) -> None:
        self.real = real

    def get_token(self, *_scopes, **_options):
        """Give a token for Azure ML."""
        return self.real.get_token("https://ml.azure.com/.default")

    def close(self) -> None:
        """Close the real one."""
        self.real.close()


def _settings(cloud, **changed):
    extra = {**cloud.fields, "auth": "service_principal"}
    secret = changed.pop("secret", cloud.secret)
    return parse_storage_connection(
        host=cloud.place.endpoint, password=secret, extra={**extra, **changed}, field="test"
    )


def test_a_token_for_another_service_is_refused_for_good(cloud):
    """Storage refuses a token for Azure ML: one clear error, no retry."""
    settings = _settings(cloud)
    with StorageClient(settings) as client:
        client._identity = OtherAudience(
            make_credential(settings.credential, ca_bundle=cloud.ca_bundle)
        )
        with pytest.raises(PermanentError, match="AuthenticationFailed") as caught:
            client.probe(cloud.place, Rules())
    assert "auth fields" in caught.value.remedy


def test_a_missing_container_is_told_apart_from_a_missing_right(cloud):
    """With a good token, a container that is not there is named as such."""
    absent = cloud.place._replace(container="absent")
    with (
        StorageClient(_settings(cloud)) as client,
        pytest.raises(PermanentError, match="ContainerNotFound"),
    ):
        client.probe(absent, Rules())


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"secret": "wr0ng"}, "AADSTS7000215"),
        ({"client_id": "11111111-aaaa-4444-8888-00000000dead"}, "AADSTS700016"),
    ],
)
def test_a_refused_identity_is_permanent(cloud, changed, code):
    """A wrong secret or unknown application fails at once with Entra's code, in both worlds."""
    settings = _settings(cloud, **changed)

    async def look():
        async with AsyncStorageClient(settings) as client:
            await client.probe(cloud.place, Rules())

    with StorageClient(settings) as client, pytest.raises(PermanentError, match=code) as caught:
        client.probe(cloud.place, Rules())
    with pytest.raises(PermanentError, match=code):
        asyncio.run(look())
    assert "wr0ng" not in str(caught.value)


def test_an_unknown_certificate_authority_is_permanent(cloud, azurite_tls):
    """TLS is verified: a server whose authority is unknown is refused, with the field to fill."""
    settings = parse_storage_connection(
        host=azurite_tls.blob_url,
        login=azurite_tls.account,
        password=azurite_tls.key,
        field="test",
    )

    async def look():
        async with AsyncStorageClient(settings, retry_total=0) as client:
            await client.probe(cloud.place, Rules())

    with (
        StorageClient(settings, retry_total=0) as client,
        pytest.raises(PermanentError, match="ca_bundle"),
    ):
        client.probe(cloud.place, Rules())
    with pytest.raises(PermanentError, match="ca_bundle"):
        asyncio.run(look())


def test_an_issuer_that_is_away_is_transient(cloud):
    """An issuer that cannot be reached is waited out."""
    settings = _settings(cloud, authority_host="https://127.0.0.1:9")

    async def look():
        async with AsyncStorageClient(settings, retry_total=0) as client:
            await client.probe(cloud.place, Rules())

    def look_here():
        with StorageClient(settings, retry_total=0) as client:
            client.probe(cloud.place, Rules())

    with ThreadPoolExecutor() as beside:  # each waits for seconds between its retries
        acts = [beside.submit(look_here), beside.submit(lambda: asyncio.run(look()))]
    for act in acts:
        with pytest.raises(TransientError):
            act.result()


@pytest.mark.parametrize("make", [make_credential, make_async_credential])
def test_a_certificate_that_cannot_be_read_says_so(make, tmp_path):
    """A missing or broken certificate is one clear error that quotes nothing of it."""
    who = {"tenant_id": "t", "client_id": "c", "kind": "service_principal_certificate"}
    broken = "-----BEGIN CERTIFICATE-----\ns3cr3t\n-----END CERTIFICATE-----"
    for certificate in (
        {"certificate_path": str(tmp_path / "absent.pem")},
        {"certificate_data": broken},
    ):
        with pytest.raises(PermanentError, match="could not be made") as caught:
            make(CredentialSpec(**who, **certificate))
        assert "s3cr3t" not in str(caught.value)
        assert "certificate file exists" in caught.value.remedy


def test_a_workload_identity_without_its_environment_says_what_is_missing(monkeypatch):
    """Outside a cluster that injects it, the error names the variables."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PermanentError) as caught:
        make_credential(CredentialSpec(kind="workload_identity"))
    assert "AZURE_FEDERATED_TOKEN_FILE" in caught.value.remedy
