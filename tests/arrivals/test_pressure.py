"""A run that was easier than it was asked to be is told so."""

from __future__ import annotations

import pytest
from arrivals.facts import Emission, Place, Scored, Skip
from arrivals.pressure import Again, Asked, Felt, again, bounds, skipped, too_little
from arrivals.trees import MARKED

PLACE = Place(MARKED, "date=2025-01-01")
WHOLE = Asked(seconds=1500, kills=5, restarts=2, lease=300, slow=5)
SMALL = Asked(seconds=60, kills=1, restarts=0, lease=300, slow=0)
MESSAGES = {
    "changes": 2620,
    "sent": 2785,
    "lost": 133,
    "doubled": 243,
    "late": 551,
    "poison": 55,
    "overtaken": 400,
    "set aside as poison": 55,
    "left in the queues": 0,
}
HARD = Felt(
    messages=MESSAGES,
    killed={"scheduler": 5, "triggerer": 5},
    storage=(2, 2),
    retried=33,
    fewest_looks=1,
    again=Again(waiting=80, running=5, sooner=0, met=4),
)


def _job(seen=110.0, written=500.0, digest="d1"):
    return Scored("j1", "Completed", PLACE, seen, digest, written, rows=3)


def test_a_hard_run_is_hard_enough():
    """A whole run as it was measured lacks nothing; nor does it without a queue."""
    assert too_little(WHOLE, HARD) == []
    assert too_little(WHOLE, HARD._replace(messages=None)) == []


@pytest.mark.parametrize(
    "easier",
    [
        *({"messages": MESSAGES | {name: 0}} for name in MESSAGES if name != "left in the queues"),
        {"messages": MESSAGES | {"lost": 300}},
        {"messages": MESSAGES | {"set aside as poison": 54}},
        {"killed": {"scheduler": 5, "triggerer": 4}},
        {"killed": {"scheduler": 4, "triggerer": 5}},
        {"storage": (1, 1)},
        {"storage": (2, 1)},
        {"retried": 0},
        {"fewest_looks": 0},
        *({"again": HARD.again._replace(**{name: 0})} for name in ("waiting", "running", "met")),
    ],
    ids=str,
)
def test_each_easiness_is_found(easier):
    """What a whole run lacks is named."""
    assert too_little(WHOLE, HARD._replace(**easier))


def test_a_small_run_need_not_have_what_chance_may_leave_out():
    """Of forty changes none may be lost, and in a minute no lease ends; its kills must have been."""
    few = {"changes": 40, "sent": 40, "late": 4}
    felt = Felt(few, {"scheduler": 1, "triggerer": 1}, (0, 0), 0, 1, Again(0, 0, 0, 0))
    assert too_little(SMALL, felt) == []
    assert too_little(SMALL, felt._replace(killed={"scheduler": 1}))


@pytest.mark.parametrize(
    ("count", "least", "most"), [(40, 0, 8), (200, 1, 23), (382, 2, 37), (2620, 86, 176)]
)
def test_one_in_twenty_has_its_bounds(count, least, most):
    """They are four standard deviations wide, and where ten are expected one must come."""
    assert bounds(count, 1 / 20) == (least, most)


def test_a_second_emission_is_told_by_what_the_first_had_come_to():
    """None had a job, one's job ran, one came within its lease, and one is of other data."""
    waits, runs, soon = (Place(MARKED, f"date=2025-02-0{day}") for day in (1, 2, 3))
    emissions = [
        *(Emission(place, "d1", 100) for place in (waits, runs, soon)),
        Emission(soon, "d1", 200),
        *(Emission(place, "d1", 405) for place in (waits, runs)),
        *(Emission(waits, "d1", at) for at in (710, 1015)),
        Emission(soon, "d2", 505),
    ]
    jobs = [_job(seen=120)._replace(place=runs), _job(seen=1100)._replace(place=waits)]
    found = again(emissions, jobs, [], lease=300)
    assert found == Again(waiting=1, running=1, sooner=1, met=0)


@pytest.mark.parametrize(("at", "met"), [(109, 0), (300, 1), (501, 0)])
def test_a_run_is_met_while_its_versions_job_runs(at, met):
    """A skipped run that began before the job, or after its manifest, has met nothing."""
    assert again([], [_job()], [Skip(PLACE, "d1", at)], lease=300).met == met


def test_a_skipped_run_has_left_newer_data_or_found_another_run():
    """Where a job scored what the run was emitted for, another run had it."""
    skips = [Skip(PLACE, "d1", 120), Skip(PLACE, "d0", 100)]
    assert skipped(skips, [_job()]) == (1, 1)
