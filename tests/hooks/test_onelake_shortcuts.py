"""The storage hook and shortcuts: rows first, then Fabric, then OneLake itself."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from support.fabric import (
    FAR,
    LAKE,
    OTHER,
    SECRET,
    WORKSPACE,
    adls,
    fields,
    onelake,
    served,
)
from support.onelake_host import onelake_host

from airflow_provider_fabml.core.errors import PermanentError, UsageError
from airflow_provider_fabml.core.storage.readiness import Rules
from airflow_provider_fabml.emulator import EmulatorServer
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.local.azurite import ACCOUNT

ROW = {"shortcut": "mapped", "account": "acct", "container": "lake", "prefix": "own"}
DATASTORE = {"account": "acct", "container": "lake", "datastore": "ds"}
SHORTCUTS = [
    adls("Files/datasets", "/lake/in"),
    adls("Files/mapped", "/lake/not-this"),
    adls("Files/azurite", "/shown/in", account=ACCOUNT),
    onelake("Files/far", FAR, "Tables/near", OTHER),
    onelake("Files/inside", FAR, "Files/kept", OTHER),
]


@pytest.fixture(scope="module")
def emulator():
    """Fabric with two lakehouses, the second one's table being a shortcut to storage."""
    with EmulatorServer(served(SHORTCUTS, [adls("Tables/near", "/lake/t")])) as running:
        yield running


@pytest.fixture
def hook(emulator, monkeypatch):
    """Make a hook whose connection asks the emulator's Fabric; `extra` adds to its fields."""

    def make(host: str | None = None, **extra) -> OneLakeStorageHook:
        emulator.requests.clear()
        base = {"lakehouse": f"{WORKSPACE}/{LAKE}", "mapping": [ROW, DATASTORE]}
        connection = fields(emulator, extra={**base, **extra})
        value = {"conn_type": "onelake", **connection, **({"host": host} if host else {})}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(value))
        return OneLakeStorageHook("lake")

    return make


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("Files/datasets/x", "in/x"),
        (f"{WORKSPACE}/{LAKE}/Files/datasets/x", "in/x"),
        ("Sales/Raw.Lakehouse/Files/datasets/x", "in/x"),
        (f"abfss://{WORKSPACE}@onelake.dfs.fabric.microsoft.com/{LAKE}/Files/datasets/x", "in/x"),
        ("Files/far/x", "t/x"),
        ("Files/mapped/x", "own/x"),
    ],
)
def test_fabric_says_what_no_row_says(hook, path, uri):
    """Every spelling of a shortcut is a place with its datastore; a row is believed first."""
    place = hook().resolve(path)
    assert place.datastore_uri == f"azureml://datastores/ds/paths/{uri}"


def test_fabric_is_not_asked_about_what_a_row_says(hook, emulator):
    """Neither Fabric nor the token's issuer hears of it."""
    hook().resolve("Files/mapped/x")
    hook().resolve("https://acct.blob.core.windows.net/lake/x")
    assert emulator.requests.all() == []


def test_a_trigger_resolves_without_holding_up_its_loop(emulator, hook):
    """The asyncio twin finds the same, while the loop goes on."""
    subject, ticks = hook(), []
    emulator.control.add_fault(kind="slow", delay=0.3, path="/v1/workspaces$")

    async def both() -> object:
        async def tick() -> None:
            while True:
                ticks.append(1)
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        place = await subject.aresolve("Far/Deep.Lakehouse/Tables/near/x")
        ticking.cancel()
        return place

    assert asyncio.run(both()) == hook().resolve("Files/far/x")
    assert len(ticks) > 5


@pytest.mark.parametrize("region", ["onelake", "westeurope-onelake", "germanywestcentral-onelake"])
def test_onelakes_own_data_stays_at_its_region(hook, region):
    """What lies under no shortcut, and where a chain ends in OneLake, keeps the host's region."""
    host = f"https://{region}.blob.fabric.microsoft.com"
    subject = hook(host=host)
    assert subject.resolve("Files/own/x").url == f"{host}/{WORKSPACE}/{LAKE}/Files/own/x"
    assert subject.resolve("Files/inside/x").url == f"{host}/{OTHER}/{FAR}/Files/kept/x"
    dfs = host.replace(".blob.", ".dfs.")
    assert subject.resolve(f"{dfs}/{WORKSPACE}/{LAKE}/Files/own").endpoint == host


def test_without_being_asked_fabric_is_silent(hook, emulator):
    """The default: rows alone, and OneLake's own place for the rest."""
    subject = hook(shortcuts="mapping", fabric_api=None)
    assert subject.resolve("Files/datasets/x").account == "onelake"
    assert emulator.requests.all() == []
    with pytest.raises(UsageError, match="no mapping row"):
        hook(shortcuts=None, fabric_api=None, lakehouse=None).resolve("Files/datasets/x")


def test_a_refusal_of_fabrics_names_the_remedy_and_no_secret(hook):
    """An error reaches the task as it is."""
    with pytest.raises(PermanentError, match="ItemNotFound") as refused:
        hook().resolve(f"{WORKSPACE}/{OTHER}/Files/x")
    assert "Remedy" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_the_connection_test_asks_fabric_too(hook):
    """The lakehouse's shortcuts are listed; where Fabric does not show it, that is the answer."""
    assert hook(mapping=None).test_connection() == (
        True,
        f"Listed the shortcuts of {WORKSPACE}/{LAKE}",
    )
    ok, text = hook(mapping=None, lakehouse=f"{OTHER}/{LAKE}").test_connection()
    assert (ok, "ItemNotFound" in text) == (False, True)


def test_the_connection_test_looks_into_onelake(emulator, hook, tmp_path):
    """With OneLake as the host, the lakehouse's files are listed there, with a token for storage."""
    host = "westeurope-onelake.blob.fabric.microsoft.com"
    roots = tmp_path / "roots.pem"
    with onelake_host({f"{WORKSPACE}/{LAKE}/Files/a.csv": 1}, host) as served_by:
        roots.write_text(
            emulator.ca_bundle.read_text() + served_by.authority.cert_pem.bytes().decode()
        )
        fields = {"ca_bundle": str(roots), "proxies": served_by.proxies, "mapping": None}
        asked = {"shortcuts": None, "fabric_api": None, **fields}
        assert hook(f"https://{host}", **asked).test_connection() == (
            True,
            f"Listed https://{host}/{WORKSPACE}/{LAKE}/Files",
        )
        assert hook(f"https://{host}", **asked, lakehouse=None).test_connection()[0] is True
        assert served_by.asked == [f"{host}/{WORKSPACE}"]


@pytest.mark.azurite
def test_the_place_that_fabric_names_can_be_read(emulator, hook, azurite_tls, tmp_path):
    """From a shortcut's name to the bytes: a token for Fabric, another for storage."""
    with BlobServiceClient.from_connection_string(
        azurite_tls.connection_string, connection_verify=azurite_tls.ca_bundle
    ) as service:
        service.create_container("shown").upload_blob("in/d/a.csv", b"1")
    roots = tmp_path / "roots.pem"
    roots.write_text(emulator.ca_bundle.read_text() + Path(azurite_tls.ca_bundle).read_text())
    subject = hook(host=azurite_tls.blob_url, ca_bundle=str(roots))

    place = subject.resolve("Files/azurite/d")

    assert place.url == f"{azurite_tls.blob_url}/shown/in/d"
    with subject.get_client() as client:
        assert client.probe(place, Rules()).count == 1
