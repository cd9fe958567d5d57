"""The storage client against a real storage server: looks, their price, and every way to log in."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import (
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    generate_container_sas,
)

from airflow_provider_fabml.clients.beside import beside
from airflow_provider_fabml.clients.storage import StorageClient
from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.errors import PermanentError, TransientError, UsageError
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.probe import ListPage
from airflow_provider_fabml.core.storage.readiness import Rules, Verdict

pytestmark = pytest.mark.azurite


@dataclass
class Lake:
    """A container of the storage server, and both clients looking at it."""

    settings: object
    place: Location
    container: ContainerClient
    requests: list[str] = field(default_factory=list)

    def put(self, *names: str, size: int = 3, metadata: dict | None = None) -> None:
        """Upload small blobs."""
        for name in names:
            self.container.upload_blob(name, b"x" * size, overwrite=True, metadata=metadata)

    def probe(self, path: str, **rules) -> Verdict:
        """Look with both clients, which must agree; `requests` holds the blocking one's."""
        place, wanted = self.place._replace(path=path), Rules(**rules)
        self.requests = []
        with StorageClient(self.settings, request_hook=self._note) as client:
            verdict = client.probe(place, wanted)
        price = list(self.requests)
        again = asyncio.run(self._aprobe(place, wanted))
        assert replace(verdict, reason="") == replace(again, reason="")
        assert len(self.requests) == 2 * len(price)
        self.requests = price
        return verdict

    async def _aprobe(self, place: Location, rules: Rules) -> Verdict:
        async with AsyncStorageClient(self.settings, request_hook=self._note) as client:
            return await client.probe(place, rules)

    def _note(self, request) -> None:
        self.requests.append(f"{request.http_request.method} {request.http_request.url}")


@pytest.fixture
def lake(azurite, azurite_container) -> Lake:
    """An empty container, seen with the account key."""
    settings = parse_storage_connection(
        host=azurite.blob_url, login=azurite.account, password=azurite.key, field="test"
    )
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    place = Location(azurite.account, azurite_container, "", azurite.blob_url)
    with service, service.get_container_client(azurite_container) as container:
        yield Lake(settings, place, container)


def test_nothing_there_costs_one_request(lake):
    """A look at an absent folder is one listing, with and without a pattern."""
    lake.put("datasets/uci-old/a.csv", "datasets/uci.bak")

    for rules in ({}, {"glob": "*.csv"}, {"quiet_for": 60}, {"min_bytes": 9}):
        verdict = lake.probe("datasets/uci", **rules)

        assert not verdict.ready
        assert "yet" in verdict.reason
        assert len(lake.requests) == 1, rules


def test_an_absent_marker_costs_one_head(lake):
    """With a marker wanted, nothing is listed before it is there."""
    lake.put("d/a.csv")

    verdict = lake.probe("d", marker="_SUCCESS")

    assert verdict.reason == "the marker d/_SUCCESS is not there yet"
    assert [line.split()[0] for line in lake.requests] == ["HEAD"]


def test_a_marker_vouches_for_the_files(lake):
    """Once the marker lies there (0 bytes, hidden name), the files are counted without it."""
    lake.put("d/a.csv", "d/b.csv")
    lake.put("d/_SUCCESS", size=0)

    verdict = lake.probe("d", marker="_SUCCESS")

    assert (verdict.ready, verdict.count, verdict.bytes) == (True, 2, 6)


def test_what_is_no_data_never_counts(lake):
    """Directory markers, hidden segments, _temporary, 0-byte files and siblings are no data."""
    lake.put("d", "d/sub", "d/x.parquet", size=0, metadata={"hdi_isfolder": "true"})
    lake.put("d/_temporary/0/part-0.csv", "d/.hidden/a.csv", "d/.b.csv", "d2/a.csv", "d.csv")
    lake.put("d/_SUCCESS", "d/growing.csv", size=0)

    verdict = lake.probe("d")

    assert (verdict.ready, verdict.count) == (False, 0)
    assert "0-byte file in progress: growing.csv" in verdict.reason
    lake.put("d/growing.csv")
    assert lake.probe("d").ready


def test_a_file_grows_from_create_to_flush(lake):
    """A file that is created, staged and committed counts only once it is committed."""
    blob = lake.container.get_blob_client("d/a.csv")
    blob.upload_blob(b"")
    assert not lake.probe("d", quiet_for=1).ready
    blob.stage_block("one", b"rows\n")
    assert not lake.probe("d").ready
    blob.commit_block_list(["one"])
    assert lake.probe("d").bytes == 5


def test_one_file_may_be_watched(lake):
    """A path that names a file is ready when that very file is there."""
    lake.put("d/a.csv.bak", "d/a.csvs/x")
    assert not lake.probe("d/a.csv").ready
    lake.put("d/a.csv", size=7)

    verdict = lake.probe("d/a.csv")

    assert (verdict.ready, verdict.bytes, verdict.sample) == (True, 7, ("a.csv",))
    assert len(lake.requests) == 1


def test_many_siblings_hide_nothing(lake, monkeypatch):
    """A folder is found behind more siblings than one page holds."""
    monkeypatch.setattr(ListPage.__new__, "__defaults__", (False, None, 5))
    lake.put(*(f"d-{number:03}" for number in range(25)), "d/a.csv")

    assert lake.probe("d").count == 1
    assert len(lake.requests) == 7


def test_a_whole_pass_reads_every_page_once(lake):
    """Count, bytes and digest come from one pass in pages of at most 400 names."""
    with lake.container as container:
        for number in range(450):
            container.upload_blob(f"d/part-{number:04}.csv", b"xy")
    verdict = lake.probe("d", glob="part-*.csv", min_count=450)

    assert (verdict.ready, verdict.count, verdict.bytes) == (True, 450, 900)
    assert len(lake.requests) == 2
    assert len(verdict.sample) == 20
    # While the newest file is younger than the quiet period, the second page changes nothing.
    assert not lake.probe("d", glob="part-*.csv", quiet_for=3600).ready
    assert len(lake.requests) == 1


def test_the_quiet_for_ends_by_the_servers_clock(lake):
    """A file is held back until nothing was written for the period, and the reason says so."""
    lake.put("d/a.csv")

    verdict = lake.probe("d", quiet_for=3600)

    assert not verdict.ready
    assert "1 file, newest" in verdict.reason
    assert "3600 s without a write" in verdict.reason


def test_who_writes_beside_a_pattern_is_seen_in_the_same_listing(lake):
    """With a quiet period the folder is listed that the pattern begins with, and still only once."""
    lake.put("d/x/part-1", "d/y/part-3")
    time.sleep(1.1)
    lake.put("d/x/.tmp/0/part-2", "d/_temporary/0/part-2")

    found = lake.probe("d", glob="x/part-*", quiet_for=3600)

    assert "; x/.tmp/0/part-2 was written" in found.reason
    assert len(lake.requests) == 1
    assert "prefix=d%2Fx%2F&" in lake.requests[0] + "&"
    assert lake.probe("d", glob="x/part-*").ready
    assert "prefix=d%2Fx%2Fpart-&" in lake.requests[0] + "&"


def test_a_look_ends_at_a_file_that_the_marker_is_too_old_for(lake):
    """One page tells it; whoever says that the marker may be older has the whole pass."""
    with lake.container as container:
        container.upload_blob("d/_SUCCESS", b"")
        time.sleep(1.1)
        for number in range(401):
            container.upload_blob(f"d/part-{number:04}.csv", b"x")

    verdict = lake.probe("d", marker="_SUCCESS")

    assert not verdict.ready
    assert "s after the marker _SUCCESS" in verdict.reason
    assert len(lake.requests) == 2
    assert lake.probe("d", marker="_SUCCESS", marker_last=False).count == 401
    assert len(lake.requests) == 3


def test_a_manifest_is_read_and_followed(lake):
    """While it is absent a look is one request; then its files, and only they, are wanted."""
    lake.put("d/a.csv", "d/b.csv", "d/more.csv")
    assert lake.probe("d", manifest="m.json").reason == "the manifest d/m.json is not there yet"
    assert len(lake.requests) == 1
    lake.container.upload_blob("d/m.json", b"")
    assert "no JSON" in lake.probe("d", manifest="m.json").reason
    lake.container.upload_blob("d/m.json", b'{"a.csv": 3, "b.csv": 4}', overwrite=True)
    assert "b.csv has 3 of the 4 bytes" in lake.probe("d", manifest="m.json").reason
    lake.put("d/b.csv", size=4)

    verdict = lake.probe("d", manifest="m.json")

    assert (verdict.ready, verdict.count, verdict.bytes) == (True, 2, 7)
    assert len(lake.requests) == 2


def test_a_table_is_read_by_its_log(lake):
    """While there is none a look is one request; its files come from the commits."""
    lake.put("t/orphan.parquet")
    assert not lake.probe("t", delta_version=1).ready
    assert len(lake.requests) == 1
    for version, action in enumerate(("add", "add", "remove")):
        line = f'{{"{action}": {{"path": "p{version % 2}", "size": 5}}}}'
        lake.container.upload_blob(f"t/_delta_log/{version:020d}.json", line)

    verdict = lake.probe("t", delta_version=1)

    assert (verdict.ready, verdict.version, verdict.sample) == (True, 2, ("p1",))
    assert len(lake.requests) == 1 + 3


def test_a_predicate_is_imported_where_it_looks(lake):
    """Both clients call the user's function on each file."""
    lake.put("d/draft.csv", "d/a.csv")

    assert lake.probe("d", predicate="landing.predicate:is_final").sample == ("a.csv",)


def test_looks_of_a_trigger_run_beside_its_loop(lake):
    """A page is read on another thread than the caller's loop, which other triggers share."""
    threads = set()

    def note(_request) -> None:
        threads.add(threading.current_thread().name)

    async def look() -> Verdict:
        async with AsyncStorageClient(lake.settings, request_hook=note) as client:
            return await client.probe(lake.place._replace(path="d"), Rules())

    lake.put("d/a.csv")
    assert asyncio.run(look()).ready
    assert threads == {"onelake-looks"}


def test_a_cancelled_look_ends(lake):
    """Whoever stops a trigger waits for no request of it."""

    async def stop() -> None:
        async with AsyncStorageClient(lake.settings) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(beside(asyncio.sleep(30)), 0.2)
            assert not (await client.probe(lake.place._replace(path="d"), Rules())).ready

    started = time.monotonic()
    asyncio.run(stop())
    assert time.monotonic() - started < 10


def test_changed_content_changes_the_digest(lake):
    """The digest is stable over looks and differs after a rewrite."""
    lake.put("d/a.csv", "d/b.csv")
    before = lake.probe("d").digest
    assert lake.probe("d").digest == before
    lake.put("d/b.csv")
    assert lake.probe("d").digest != before


def test_occupied_means_any_blob(lake):
    """An output path is occupied by any blob at or below it, hidden and empty ones included."""
    with StorageClient(lake.settings) as client:
        place = lake.place._replace(path="out/run-1")
        lake.put("out/run-10/a.csv", "out/run-1.csv")
        lake.put("out/run-1", "out/run-1/sub", size=0, metadata={"hdi_isfolder": "true"})
        assert client.exists_any(place) is False
        lake.put("out/run-1/_SUCCESS", size=0)
        assert client.exists_any(place) is True
        assert client.exists_any(place._replace(path="out/run-1.csv")) is True
        assert client.exists_any(place._replace(path="")) is True


def test_reading(lake):
    """Facts, first bytes and rows of one blob; a directory is no blob."""
    lake.container.upload_blob("p.csv", b"a,1\nb,2\nc,3")
    lake.container.upload_blob("empty.csv", b"")
    lake.put("dir", size=0, metadata={"hdi_isfolder": "true"})
    blob = lake.place.child("p.csv")
    with StorageClient(lake.settings) as client:
        assert client.head(blob).size == 11
        assert client.head(blob).last_modified > datetime.now(UTC) - timedelta(minutes=5)
        assert client.head(lake.place.child("absent.csv")) is None
        assert client.head(lake.place.child("dir")) is None
        assert client.read_start(blob, 3) == b"a,1"
        assert client.count_rows(blob, 1000) == (3, True)
        assert client.count_rows(blob, 6) == (1, False)
        assert client.count_rows(lake.place.child("empty.csv"), 10) == (0, True)
        assert [[b.name for b in page] for page in client.list_pages(lake.place, page_size=2)] == [
            ["dir", "empty.csv"],
            ["p.csv"],
        ]


def test_a_missing_container_is_permanent(lake):
    """A container that is not there is an error with a remedy, not something to wait for."""
    gone = lake.place._replace(container="no-such-container", path="d")
    with StorageClient(lake.settings) as client:
        asks: list[Callable] = [
            lambda: client.probe(gone, Rules()),
            lambda: client.probe(gone, Rules(marker="_SUCCESS")),
            lambda: client.head(gone),
            lambda: client.exists_any(gone),
            lambda: client.count_rows(gone, 10),
        ]
        for ask in asks:
            with pytest.raises(
                PermanentError, match=r"ContainerNotFound[\s\S]*Create the container"
            ):
                ask()


def test_a_wrong_key_is_permanent_and_not_shown(lake):
    """A refused key fails at once; neither error nor settings show it."""
    key = "c2VjcmV0LWtleS1zZWNyZXQta2V5LXNlY3JldA=="
    settings = parse_storage_connection(
        host=lake.place.endpoint, login=lake.place.account, password=key, field="test"
    )
    assert key not in repr(settings)
    with StorageClient(settings) as client, pytest.raises(PermanentError) as caught:
        client.probe(lake.place, Rules())
    assert caught.value.status == 403
    assert "auth fields" in str(caught.value)
    assert key not in str(caught.value)


def _sas_settings(lake: Lake, azurite, *, hours: float, **permission: bool) -> object:
    token = generate_container_sas(
        azurite.account,
        lake.place.container,
        account_key=azurite.key,
        permission=ContainerSasPermissions(**permission),
        expiry=datetime.now(UTC) + timedelta(hours=hours),
        start=datetime.now(UTC) - timedelta(hours=5),
    )
    extra = {"auth": "sas", "sas_token": token}
    return parse_storage_connection(host=azurite.blob_url, extra=extra, field="test")


def test_a_sas_is_enough(lake, azurite):
    """A SAS with read and list permission serves both clients."""
    lake.put("d/a.csv")
    lake.settings = _sas_settings(lake, azurite, hours=1, read=True, list=True)

    assert lake.probe("d").ready
    assert "sig=" not in repr(lake.settings)


@pytest.mark.parametrize(
    ("hours", "permission"), [(-1, {"read": True, "list": True}), (1, {"write": True})]
)
def test_an_expired_or_weak_sas_is_a_clear_403(lake, azurite, hours, permission):
    """An expired SAS, or one without list permission, fails at once and is not shown."""
    settings = _sas_settings(lake, azurite, hours=hours, **permission)
    with StorageClient(settings) as client, pytest.raises(PermanentError) as caught:
        client.probe(lake.place._replace(path="d"), Rules())
    assert caught.value.status == 403
    assert "SAS" in str(caught.value)
    assert "sig=" not in str(caught.value)


def test_a_connection_string_is_enough(lake, azurite):
    """A connection string serves both clients, and its account is the only destination."""
    lake.put("d/a.csv")
    extra = {"connection_string": azurite.connection_string}
    lake.settings = parse_storage_connection(extra=extra, field="test")

    assert lake.probe("d").ready
    assert azurite.key not in repr(lake.settings)
    with StorageClient(lake.settings) as client, pytest.raises(UsageError) as caught:
        client.probe(lake.place._replace(endpoint="https://other.blob.core.windows.net"), Rules())
    assert caught.value.rule == "storage-other-account"


def test_a_server_that_is_away_is_transient(lake):
    """A refused connection passes, so it is waited out."""
    away = lake.place._replace(endpoint="http://127.0.0.1:9/acct")
    settings = parse_storage_connection(
        host=away.endpoint, login="acct", password="a2V5", field="test"
    )
    with StorageClient(settings, retry_total=0) as client, pytest.raises(TransientError):
        client.probe(away, Rules())
