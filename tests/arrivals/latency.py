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
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

import pytest
from arrivals.postbox import client_of
from arrivals.records import Records
from arrivals.trees import queue_of
from arrivals.ways import EVERY, FLOOR, IDLE, IDLE_EVERY, QUEUED, WAYS
from arrivals.world import World
from faults.workspace import CONTAINER
from rich.console import Console
from rich.table import Table
from support.event_grid import message

from airflow_provider_fabml.local.azurite import Azurite

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]
PATIENCE = 120.0
IDLE_SECONDS = 120.0
_QUEUED = """
select extract(epoch from min(queued_at)) from dag_run
where dag_id = %s and coalesce(partition_key, '') = %s and queued_at > to_timestamp(%s)
"""
_LISTED = re.compile(r'"GET [^ "]*comp=list[^ "]*prefix=datasets/([^/& "]*)')
_RECEIVED = re.compile(r'"GET /[^/ "]*/([^/ "]*)/messages')


class TalkativeAzurite(Azurite):
    """Storage that logs each request."""

    def _command(self) -> list[str]:
        return [word for word in super()._command() if word != "--silent"]


class Sample(NamedTuple):
    """Seconds from complete to the first run queued, and to the scoring run queued."""

    first: float
    scoring: float


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
        scoring = self._queued(f"score_{way}", key, since)
        first = scoring if way == FLOOR else self._queued(f"route_{way}", "", since)
        return Sample(first - since, scoring - since)

    def _queued(self, dag_id: str, key: str, since: float) -> float:
        deadline = time.time() + PATIENCE
        while time.time() < deadline:
            (found,) = self._database.rows(_QUEUED, (dag_id, key, since))
            if found[0] is not None:
                return float(found[0])
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
        Console(width=100).print(
            _latencies({w: each[1:] for w, each in samples.items()}), _idle(found)
        )
    assert all(len(each) == count + 1 for each in samples.values())
    assert all(found[tree] for tree in IDLE)


def requests(log: str) -> Counter[str]:
    """Count Azurite's requests by the tree that was listed, or the queue that was asked."""
    return Counter([*_LISTED.findall(log), *_RECEIVED.findall(log)])


def _turns(ways: dict[str, list[Sample]], count: int) -> Iterator[str]:
    for _ in range(count):
        yield from ways


def _latencies(samples: dict[str, list[Sample]]) -> Table:
    table = Table(
        "seconds from complete", "samples", "first run queued: median", "p95",
        "scoring run queued: median", "p95", "in floors",
        title=f"Looks every {EVERY:g} s; the floor is an asset event posted to Airflow",
    )  # fmt: skip
    floor = median(each.scoring for each in samples[FLOOR])
    for way, found in samples.items():
        first, scoring = ([getattr(s, name) for s in found] for name in Sample._fields)
        figures = [median(first), _p95(first), median(scoring), _p95(scoring)]
        texts = [f"{figure:.1f}" for figure in figures]
        ratios = f"{median(first) / floor:.1f}, {median(scoring) / floor:.1f}"
        table.add_row(way, str(len(found)), *texts, ratios)
    table.caption = (
        f"Aims for the scoring run: polling one interval and two floors, {EVERY + 2 * floor:.1f} s; "
        f"queued three floors, {3 * floor:.1f} s. Between the runs lies the router's task."
    )
    return table


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if values[1:] else values[0]


def _idle(found: Counter[str]) -> Table:
    table = Table(
        "asked for", "assets", "requests a minute", title=f"Idle: a look every {IDLE_EVERY:g} s"
    )
    for name, count in sorted(found.items()):
        table.add_row(name, str(IDLE.get(name, 1)), f"{count * 60 / IDLE_SECONDS:.1f}")
    return table
