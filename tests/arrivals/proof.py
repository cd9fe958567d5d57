"""Each partition is scored once per version of its data, whatever dies meanwhile. ``make test-arrivals``.

A file that the ordinary run does not collect: it takes PostgreSQL and some thirty minutes.
``ARRIVALS_SEED`` replays a plan; ``ARRIVALS_PARTITIONS``, ``ARRIVALS_SECONDS`` (in which they land),
``ARRIVALS_KILLS`` (of scheduler and triggerer each), ``ARRIVALS_RESTARTS`` (of storage) change its size.
``ARRIVALS_LEASE`` (seconds), ``ARRIVALS_ACTIVE`` (runs of each scoring DAG) and ``ARRIVALS_SLOW`` (jobs
that outlast the lease) decide whose lease ends: those of runs that wait, and of runs whose job runs.
``ARRIVALS_WATCH=poll`` leaves the queue, whose messages come late, twice, garbled or not at all.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest
from arrivals import plan
from arrivals.campaign import Campaign
from arrivals.postbox import Postbox, QueuePost
from arrivals.pressure import Asked, Felt, too_little
from arrivals.table import show
from arrivals.trees import TREES
from arrivals.world import World
from faults.workspace import CONTAINER

if TYPE_CHECKING:
    from pathlib import Path

    from arrivals.campaign import Outcome

pytestmark = [pytest.mark.faults, pytest.mark.timeout(5400)]
# A look of both routers at least so often: a job takes twice as long.
WAKE = "10"
# So few runs of each scoring DAG at a time (but more than there are slow jobs) that the queue grows
# longer than the shortest lease.
ACTIVE = 8
# One partition in so many has a job that outlasts the lease.
SLOW = 100


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"ARRIVALS_{name}") or default)


def _asked(partitions: int) -> Asked:
    seconds, lease = _number("SECONDS", 1500), _number("LEASE", 300)
    asked = Asked(seconds, _number("KILLS", 5), _number("RESTARTS", 2), lease, slow=0)
    return asked._replace(slow=_number("SLOW", partitions // SLOW if asked.outlasts else 0))


def _felt(outcome: Outcome, watch: str) -> Felt:
    return Felt(
        messages=outcome.messages if watch == "queue" else None,
        killed=outcome.killed,
        storage=outcome.storage,
        retried=outcome.retried,
        fewest_looks=outcome.verdict.wakes[0],
        again=outcome.again,
    )


def _played(folder: Path, seed: int, partitions: int, asked: Asked, watch: str) -> Outcome:
    """Start all, let the partitions land, and strike meanwhile."""
    variables = {
        "ARRIVALS_WAKE": WAKE,
        "ARRIVALS_WATCH": watch,
        "ARRIVALS_LEASE": str(asked.lease),
        "ARRIVALS_ACTIVE": str(_number("ACTIVE", ACTIVE)),
    }
    landings = plan.landings(seed, partitions=partitions, seconds=asked.seconds)
    slow = plan.slow(seed, landings, asked.slow)
    strikes = plan.strikes(seed, kills=asked.kills, restarts=asked.restarts, seconds=asked.seconds)
    with World(folder, "on_arrival.py", variables) as world:
        post = QueuePost(world.azurite, CONTAINER, TREES, seed) if watch == "queue" else Postbox()
        world.begin("score_marked", "score_quiet", "route_marked", "route_quiet")
        return Campaign(world, landings, post, slow, asked.lease).run(strikes)


def test_each_version_is_scored_once(node, tmp_path, capsys):
    """Under kills and outages nothing is missing, nothing is scored twice, nothing else is scored."""
    seed, partitions = _number("SEED", secrets.randbelow(10_000)), _number("PARTITIONS", 500)
    asked, watch = _asked(partitions), os.environ.get("ARRIVALS_WATCH") or "queue"
    with capsys.disabled():
        print(f"\nSeed {seed} (ARRIVALS_SEED), {partitions} partitions, {asked}. Logs: {tmp_path}")
        outcome = _played(tmp_path / "world", seed, partitions, asked, watch)
        show(outcome, seed)
    assert outcome.verdict.faults == {}, f"ARRIVALS_SEED={seed}"
    assert outcome.not_successful == []
    assert (outcome.left, outcome.missed) == (0, 0)
    assert too_little(asked, _felt(outcome, watch)) == []
