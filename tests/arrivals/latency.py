"""How soon a scoring run is queued once data is complete, and what watching costs while nothing comes.

``make bench-arrivals``. Printed, not asserted: the machine decides. ``ARRIVALS_SAMPLES`` (20) of each
way are taken in turn, beside the floor: an asset event with a partition key, posted to Airflow.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from arrivals import latency_tables
from arrivals.postbox import client_of
from arrivals.records import Records
from arrivals.stages import Sample
from arrivals.trees import queue_of
from arrivals.ways import EVERY, FLOOR, IDLE, QUEUED, WAYS
from arrivals.world import World
from faults.workspace import CONTAINER
from rich.console import Console
from support.event_grid import message

from airflow_provider_fabml.local.azurite import Azurite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]
PATIENCE = 120.0
IDLE_SECONDS = 120.0
# A scoring run, what emitted it, and the first of the watcher's events behind that.
_WAY = """
select extract(epoch from event.timestamp), extract(epoch from scoring.queued_at),
  extract(epoch from router.queued_at),
  extract(epoch from task.start_date), extract(epoch from task.end_date),
  (select extract(epoch from min(arrival.timestamp))
   from dagrun_asset_event woken join asset_event arrival on arrival.id = woken.event_id
   where woken.dag_run_id = router.id)
from dag_run scoring
join dagrun_asset_event consumed on consumed.dag_run_id = scoring.id
join asset_event event on event.id = consumed.event_id
left join dag_run router
  on router.dag_id = event.source_dag_id and router.run_id = event.source_run_id
left join task_instance task on task.dag_id = router.dag_id and task.run_id = router.run_id
where scoring.dag_id = %s and scoring.partition_key = %s and scoring.queued_at > to_timestamp(%s)
order by scoring.queued_at limit 1
"""
_LISTED = re.compile(r'"GET [^ "]*comp=list[^ "]*prefix=datasets/([^/& "]*)')
_RECEIVED = re.compile(r'"GET /[^/ "]*/([^/ "]*)/messages')


class TalkativeAzurite(Azurite):
    """Storage that logs each request."""

    def _command(self) -> list[str]:
        return [word for word in super()._command() if word != "--silent"]


class Bench:
    """Takes one sample after the other on one Airflow."""

    def __init__(self, world: World) -> None:
        self._world, self._database = world, Records(world.postgres.address)
        self._container = world.container()
        self._queue = client_of(world.azurite, queue_of(QUEUED))
        self._dice = random.Random()  # noqa: S311
        found = world.airflow.api.call("GET", "/assets", params={"name_pattern": FLOOR})
        self._floor_asset = found["assets"][0]["id"]

    def sample(self, way: str, key: str) -> Sample:
        """Make one partition complete, and wait until its scoring run is queued."""
        # Anywhere within an interval, and not while the run before still ends.
        time.sleep(3 + self._dice.uniform(0, EVERY))
        since = time.time()
        if way == FLOOR:
            body = {"asset_id": self._floor_asset, "partition_key": key, "extra": {}}
            self._world.airflow.api.call("POST", "/assets/events", json=body)
        else:
            path = f"datasets/{way}/date={key}/a.csv"
            self._container.upload_blob(path, b"a,b\n1,2\n")
            since = time.time()
            if way == QUEUED:
                account = self._world.azurite.account
                self._queue.send_message(message(account, CONTAINER, path, api="PutBlob"))
        return self._way(f"score_{way}", key, since)

    def _way(self, dag_id: str, key: str, since: float) -> Sample:
        """Wait for the scoring run; give what led to it."""
        deadline = time.time() + PATIENCE
        while time.time() < deadline:
            for row in self._database.rows(_WAY, (dag_id, key, since)):
                return _sample(since, row)
            time.sleep(0.1)
        raise TimeoutError(f"{dag_id} has no run for {key!r} after {PATIENCE:g} s")


def test_latency_and_idle_requests(node, tmp_path, capsys):
    """Every sample's run is queued; the figures are for the reader."""
    count = int(os.environ.get("ARRIVALS_SAMPLES") or 20)
    azurite = TalkativeAzurite(folder=tmp_path / "azurite", location=tmp_path / "data")
    with World(tmp_path / "world", "latency.py", {}, azurite) as world:
        idle = [f"watch_{tree}" for tree in IDLE]
        world.begin(
            f"score_{FLOOR}", *(f"{k}_{w}" for w in WAYS for k in ("score", "route")), *idle
        )
        bench = Bench(world)
        samples: dict[str, list[Sample]] = {FLOOR: [], **{way: [] for way in WAYS}}
        for way in [*samples, *_turns(samples, count)]:
            key = f"{date(2025, 1, 1) + timedelta(days=len(samples[way])):%Y-%m-%d}"
            samples[way].append(bench.sample(way, key))
        log = tmp_path / "azurite" / "azurite.log"
        before = requests(log.read_text())
        time.sleep(IDLE_SECONDS)
        found = requests(log.read_text()) - before
    with capsys.disabled():
        # The first of each is thrown away: it pays for logins and imports.
        kept = {way: each[1:] for way, each in samples.items()}
        Console(width=100).print(
            latency_tables.latencies(kept),
            latency_tables.stage_medians(kept),
            latency_tables.idle(found, IDLE_SECONDS),
        )
    assert all(len(each) == count + 1 for each in samples.values())
    assert all(found[tree] for tree in IDLE)


def _sample(since: float, row: Sequence[Any]) -> Sample:
    emitted, scoring, *router = (None if each is None else float(each) for each in row)
    assert emitted is not None
    assert scoring is not None
    if router[0] is None:
        return Sample(since, emitted, scoring)
    routed, started, ended, arrival = router
    assert arrival is not None
    return Sample(since, arrival, scoring, routed, started, ended)


def requests(log: str) -> Counter[str]:
    """Count Azurite's requests by the tree that was listed, or the queue that was asked."""
    return Counter([*_LISTED.findall(log), *_RECEIVED.findall(log)])


def _turns(ways: dict[str, list[Sample]], count: int) -> Iterator[str]:
    for _ in range(count):
        yield from ways
