"""Each partition is scored once per version of its data, whatever dies meanwhile. ``make test-arrivals``.

A file that the ordinary run does not collect: it takes PostgreSQL and some forty minutes.
``ARRIVALS_SEED`` replays a plan; ``ARRIVALS_PARTITIONS``, ``ARRIVALS_SECONDS`` (in which they land),
``ARRIVALS_KILLS`` (of scheduler and triggerer each), ``ARRIVALS_RESTARTS`` (of storage) change its size.
``ARRIVALS_WATCH=poll`` leaves the queue, whose messages come late, twice, garbled or not at all.
"""

from __future__ import annotations

import os
import secrets

import pytest
from arrivals import plan
from arrivals.campaign import Campaign
from arrivals.postbox import Postbox, QueuePost
from arrivals.table import show
from arrivals.trees import TREES
from arrivals.world import World
from faults.workspace import CONTAINER

pytestmark = [pytest.mark.faults, pytest.mark.timeout(5400)]
# A look of both routers at least so often: a job takes twice as long.
WAKE = "10"


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"ARRIVALS_{name}") or default)


def test_each_version_is_scored_once(node, tmp_path, capsys):
    """Under kills and outages nothing is missing, nothing is scored twice, nothing else is scored."""
    seed = _number("SEED", secrets.randbelow(10_000))
    partitions, seconds = _number("PARTITIONS", 500), _number("SECONDS", 1800)
    kills, restarts = _number("KILLS", 5), _number("RESTARTS", 2)
    watch = os.environ.get("ARRIVALS_WATCH") or "queue"
    with capsys.disabled():
        print(
            f"\nSeed {seed} (ARRIVALS_SEED), {partitions} partitions in {seconds} s. Logs: {tmp_path}"
        )
        variables = {"ARRIVALS_WAKE": WAKE, "ARRIVALS_WATCH": watch}
        with World(tmp_path / "world", "on_arrival.py", variables) as world:
            post = (
                QueuePost(world.azurite, CONTAINER, TREES, seed) if watch == "queue" else Postbox()
            )
            world.begin("score_marked", "score_quiet", "route_marked", "route_quiet")
            landings = plan.landings(seed, partitions=partitions, seconds=seconds)
            strikes = plan.strikes(seed, kills=kills, restarts=restarts, seconds=seconds)
            outcome = Campaign(world, landings, post).run(strikes)
        show(outcome, seed)
    assert outcome.verdict.faults == {}, f"ARRIVALS_SEED={seed}"
    assert outcome.not_successful == []
    assert (outcome.left, outcome.missed) == (0, 0)
    assert outcome.storage_stops == restarts
    assert [outcome.killed.get(name, 0) for name in ("scheduler", "triggerer")] == [kills, kills]
