"""The storage hook: connections of both types, resolution, and the connection test."""

from __future__ import annotations

import asyncio
import json

import pytest
from azure.storage.blob import BlobServiceClient

from airflow_provider_fabml.core.connections.credential import KINDS
from airflow_provider_fabml.core.connections.storage_connection import AUTHS
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.mapping import MappingRow
from airflow_provider_fabml.core.storage.readiness import Rules
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.hooks.onelake_form import onelake_connection_form


def hook(monkeypatch, **connection) -> OneLakeStorageHook:
    """A hook whose connection comes from the environment, as JSON."""
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "onelake", **connection}))
    return OneLakeStorageHook("lake")


def mapped(azurite, container: str) -> dict:
    """Fields of a connection that maps a shortcut to a container."""
    row = {"shortcut": "datasets", "account": azurite.account, "container": container}
    return {
        "host": azurite.blob_url,
        "login": azurite.account,
        "password": azurite.key,
        "extra": {"mapping": [{**row, "prefix": "in", "datastore": "ds"}]},
    }


@pytest.mark.azurite
@pytest.mark.parametrize("as_text", [True, False])
def test_a_connection_becomes_a_client(monkeypatch, azurite, azurite_container, as_text):
    """The mapping (list, or JSON text as the form stores it) resolves, and the client reads."""
    fields = mapped(azurite, azurite_container)
    if as_text:
        fields["extra"]["mapping"] = json.dumps(fields["extra"]["mapping"])
    subject = hook(monkeypatch, **fields)
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.get_container_client(azurite_container).upload_blob("in/d/a.csv", b"1")

    place = subject.resolve("Files/datasets/d")

    assert place.datastore_uri == "azureml://datastores/ds/paths/in/d"
    with subject.get_conn() as client:
        assert client.probe(place, Rules()).count == 1


@pytest.mark.azurite
def test_a_trigger_gets_the_same(monkeypatch, azurite, azurite_container):
    """The asyncio twin reads the same connection."""
    subject = hook(monkeypatch, **mapped(azurite, azurite_container))

    async def look() -> bool:
        async with await subject.aget_client() as client:
            return await client.exists_any(subject.resolve("Files/datasets/d"))

    assert asyncio.run(look()) is False


@pytest.mark.azurite
def test_a_wasb_connection_works_too(monkeypatch, azurite, azurite_container):
    """A connection made for WasbHook serves as it is, by key and by connection string."""
    by_key = {"host": azurite.blob_url, "login": azurite.account, "password": azurite.key}
    by_text = {"extra": {"connection_string": azurite.connection_string}}
    for fields in (by_key, by_text):
        subject = hook(monkeypatch, conn_type="wasb", **fields)
        place = subject.resolve(f"{azurite.blob_url}/{azurite_container}/x")
        with subject.get_client() as client:
            assert client.exists_any(place) is False


@pytest.mark.azurite
def test_the_connection_test_really_asks(monkeypatch, azurite, azurite_container):
    """It lists each mapped container, and a wrong key or container is told with its remedy."""
    good = mapped(azurite, azurite_container)
    assert hook(monkeypatch, **good).test_connection() == (
        True,
        f"Listed {azurite.blob_url}/{azurite_container}",
    )
    unmapped = {**good, "extra": {}}
    assert hook(monkeypatch, **unmapped).test_connection()[0] is True
    absent = hook(monkeypatch, **mapped(azurite, "no-such-container")).test_connection()
    assert (absent[0], "ContainerNotFound" in absent[1]) == (False, True)
    wrong = hook(monkeypatch, **{**good, "password": "d3Jvbmc="}).test_connection()
    assert (wrong[0], "403" in wrong[1]) == (False, True)


def test_the_connection_test_says_what_it_could_not_try(monkeypatch):
    """Malformed fields are named; without an account there is nothing to ask."""
    ok, text = hook(monkeypatch, extra={"auth": "ntlm"}).test_connection()
    assert (ok, "auth" in text) == (False, True)
    assert "nothing was asked" in hook(monkeypatch).test_connection()[1]


def test_errors_name_the_connection(monkeypatch):
    """A refused field says which connection it stands in."""
    with pytest.raises(UsageError, match="connection 'lake': auth"):
        hook(monkeypatch, extra={"auth": "ntlm"}).get_settings()


def test_secrets_are_masked(monkeypatch):
    """Once the connection was read, its key and its SAS signature are masked in logs."""
    from airflow.sdk._shared.secrets_masker import redact

    token = "sv=2025&sig=c2lnbmF0dXJlLW9mLWEtc2Fz%3D"
    hook(
        monkeypatch,
        host="https://acct.blob.core.windows.net",
        extra={"auth": "sas", "sas_token": token},
    ).get_settings()

    for shown in (token, "c2lnbmF0dXJlLW9mLWEtc2Fz=", "c2lnbmF0dXJlLW9mLWEtc2Fz%3D"):
        assert shown not in redact(f"GET /lake?{shown}&x=1")


def test_the_form_offers_what_the_parser_takes():
    """Each identity of the form is understood, and secrets are password fields."""
    form = onelake_connection_form()
    fields = form["conn-fields"]

    assert set(fields["auth"]["schema"]["enum"]) == set(AUTHS)
    assert set(KINDS) < set(AUTHS)
    hidden = {n for n, f in fields.items() if f["schema"].get("format") == "password"}
    assert hidden == {
        "sas_token",
        "connection_string",
        "certificate_data",
        "certificate_password",
    }
    _, _, text = fields["mapping"]["description"].partition("e.g. ")
    example = json.loads(text)
    assert set(example[0]) <= set(MappingRow._fields)
    assert form["hook-class-name"].endswith(OneLakeStorageHook.__name__)
    assert form["connection-type"] == OneLakeStorageHook.conn_type
    assert form["hook-name"] == OneLakeStorageHook.hook_name
