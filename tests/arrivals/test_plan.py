"""A run's plan is a value of its seed, and reaches every shape."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from arrivals import plan
from arrivals.lander import actions
from arrivals.trees import MARKED, MARKER, QUIET, QUIET_FOR, TREES

ALL = plan.landings(7, partitions=500, seconds=600)


def test_a_seed_replays_its_plan():
    """The same seed gives the same landings and strikes, another one others."""
    size = {"partitions": 50, "seconds": 100}
    assert plan.landings(7, **size) == plan.landings(7, **size) != plan.landings(8, **size)
    blows = {"kills": 5, "restarts": 2, "seconds": 600}
    assert plan.strikes(7, **blows) == plan.strikes(7, **blows) != plan.strikes(8, **blows)


def test_every_partition_lands_once_in_each_tree():
    """So many folders are partitions, each of its own, and they begin within the seconds."""
    found = [each for each in ALL if not each.junk]
    assert len({(each.tree, each.folder) for each in found}) == len(found) == 500
    assert Counter(each.tree for each in found) == dict.fromkeys(TREES, 250)
    assert all(0 <= each.at <= 600 for each in ALL)


def test_every_way_to_come_and_to_change_is_planned():
    """500 partitions have every verb and every kind of next version; some have three versions."""
    steps = [action.step for each in ALL for action in actions(each.versions)]
    assert {step.verb for step in steps} == {"write", "rename", "delete", "mkdir"}
    after = Counter(v.after for each in ALL for v in each.versions[1:])
    assert set(after) == {plan.SCORED, plan.AT_ONCE, plan.ANY_TIME}
    assert {len(each.versions) for each in ALL if not each.junk} == {1, 2, 3}


@pytest.mark.parametrize("tree", TREES)
def test_a_writer_never_pauses_for_as_long_as_the_quiet_tree_waits(tree):
    """Within a version no gap comes near `quiet_for`; a marker is written last."""
    for each in ALL:
        if each.tree == tree and not each.junk:
            for version in each.versions:
                assert all(step.gap < QUIET_FOR / 2 for step in version.steps[1:])
                marks = [
                    n for n, s in enumerate(version.steps) if (s.verb, s.name) == ("write", MARKER)
                ]
                assert all(n == len(version.steps) - 1 for n in marks)
            last = each.versions[0].steps[-1]
            assert (last.name == MARKER) is (tree == MARKED), (tree, QUIET)


def test_kills_and_stops_have_their_numbers_and_their_distance():
    """Five kills of each and two stops of storage, none within seconds of the one before."""
    struck = plan.strikes(3, kills=5, restarts=2, seconds=600)
    assert Counter(victim for each in struck for victim in each.victims) == {
        plan.SCHEDULER: 5,
        plan.TRIGGERER: 5,
        plan.STORAGE: 2,
    }
    times = [each.at for each in struck]
    assert times == sorted(times)
    assert min(b - a for a, b in itertools.pairwise(times)) > 20


def test_some_partitions_land_at_once():
    """Half of them, and those that come by chance, begin within the first tenth of the time."""
    early = sum(each.at <= 60 for each in ALL if not each.junk)
    assert 0.5 < early / 500 < 0.62


def test_slow_jobs_are_early_and_nothing_waits_for_them():
    """So many partitions of one version each, of the first half; the same for the same seed."""
    found = plan.slow(7, ALL, 5)
    assert found == plan.slow(7, ALL, 5) != plan.slow(8, ALL, 5)
    landings = [each for each in ALL if (each.tree, each.folder) in found]
    assert [len(each.versions) for each in landings] == [1] * 5
    assert not any(each.junk for each in landings)
    assert max(each.at for each in landings) < 400
    assert plan.slow(7, ALL, 0) == frozenset()
