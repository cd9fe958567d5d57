"""OneLake's own blob endpoint as a source: its hosts, by the names and GUIDs of its items."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.fabric import LAKE, WORKSPACE, fields, served
from support.onelake_host import onelake_host

from airflow_provider_fabml.clients.storage import StorageClient
from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.storage.location import resolve
from airflow_provider_fabml.core.storage.readiness import Rules
from airflow_provider_fabml.emulator import EmulatorServer

REGIONS = ("onelake", "westeurope-onelake", "germanywestcentral-onelake")
HOSTS = [f"{region}.blob.fabric.microsoft.com" for region in REGIONS]
FILES = {
    "My Sales/Raw.Lakehouse/Files/daily/a.csv": 3,
    "My Sales/Raw.Lakehouse/Files/daily/b.csv": 4,
    "My Sales/Raw.Lakehouse/Files/daily/_temporary/c.csv": 5,
    "My Sales/Raw.Lakehouse/Files/daily2/d.csv": 6,
    f"{WORKSPACE}/{LAKE}/Files/daily/e.csv": 7,
}


@pytest.fixture(scope="module")
def issuer():
    """Who gives tokens."""
    with EmulatorServer(served([])) as running:
        yield running


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("item", "count", "size"),
    [("My%20Sales/Raw.Lakehouse", 2, 7), (f"{WORKSPACE}/{LAKE}", 1, 7)],
)
def test_a_folder_of_an_item_is_listed_at_its_host(issuer, tmp_path, host, item, count, size):
    """A dfs URL of any region is asked at its blob twin, with storage's token, in both worlds."""
    with onelake_host(FILES, host) as onelake:
        roots = tmp_path / "roots.pem"
        pem = onelake.authority.cert_pem.bytes().decode()
        roots.write_text(Path(issuer.ca_bundle).read_text() + pem)
        extra = {"ca_bundle": str(roots), "proxies": onelake.proxies}
        settings = parse_storage_connection(**fields(issuer, extra=extra), field="c")
        url = f"https://{host.replace('.blob.', '.dfs.')}/{item}/Files/daily"
        place = resolve(url, settings.mapping, field="path")

        async def look():
            async with AsyncStorageClient(settings, retry_total=0) as client:
                return await client.probe(place, Rules())

        with StorageClient(settings, retry_total=0) as client:
            seen = client.probe(place, Rules())
        assert (seen.ready, seen.count, seen.bytes) == (True, count, size)
        assert asyncio.run(look()).digest == seen.digest
        workspace = item.partition("/")[0]
        assert set(onelake.asked) == {f"{host}/{workspace}"}
