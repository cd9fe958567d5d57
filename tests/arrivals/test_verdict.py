"""The verdict finds what must not be, and nothing else."""

from __future__ import annotations

import pytest
from arrivals.facts import Place, Scored, State, Wake
from arrivals.trees import MARKED, QUIET
from arrivals.verdict import judge

PLACE = Place(MARKED, "date=2025-01-01")
CALM = Place(QUIET, "date=2025-01-01")
JUNK = Place(MARKED, "date=2025-13-45")


def _state(digest="d1", at=100.0, place=PLACE, **more):
    return State(place, at, digest, rows=3, version=0, **{"complete": True, **more})


def _job(name="j1", digest="d1", place=PLACE, **more):
    fields = {"state": "Completed", "seen": 110.0, "written": 130.0, "rows": 3, **more}
    return Scored(name, place=place, digest=digest, **fields)


WAKES = [Wake(MARKED, 112, 115), Wake(QUIET, 112, 115)]


def _judged(states, jobs, wakes=WAKES):
    return judge(states, jobs, wakes)


def test_one_job_for_one_version_is_what_there_shall_be():
    """A version with one completed job, during which a router looked, has no faults."""
    verdict = _judged([_state("half", 99, complete=False), _state()], [_job()])
    assert verdict.faults == {}
    assert (verdict.counts["that must be scored"], verdict.wakes) == (1, (1, 1, 1))


@pytest.mark.parametrize("scored", [[], ["d1"]])
def test_a_version_that_was_replaced_too_soon_may_be_scored_or_not(scored):
    """Its data is gone: only its successor must be scored."""
    jobs = [_job(f"j{digest}", digest) for digest in ["d2", *scored]]
    assert _judged([_state(), _state("d2", 101)], jobs).faults == {}


def test_a_version_whose_writer_waited_for_its_job_must_be_scored():
    """It was replaced after it had been read, so a manifest must say so."""
    states = [_state(), _state("d2", 120, waited=True)]
    assert _judged(states, [_job("j2", "d2")]).faults.keys() == {"missing"}
    assert _judged(states, [_job(), _job("j2", "d2")]).faults == {}


def test_a_pause_of_the_writer_looks_like_an_end_in_the_quiet_tree_only():
    """A state that stayed for longer than `quiet_for` may be scored there; a marker tells better."""
    for place, faults in ((CALM, set()), (PLACE, {"half_written"})):
        states = [_state("half", 90, place, complete=False), _state("d1", 101, place)]
        jobs = [_job("j0", "half", place), _job(place=place)]
        assert _judged(states, jobs).faults.keys() == faults


@pytest.mark.parametrize(
    ("jobs", "fault"),
    [
        ([], "missing"),
        ([_job(), _job("j2")], "twice"),
        ([_job(), _job("j2", "d9")], "extra"),
        ([_job(), _job("j2", "junk", JUNK)], "extra"),
        ([_job(), _job("j2", "half")], "half_written"),
        ([_job(), _job("j2", None, written=None)], "unfinished"),
        ([_job(state="Failed")], "unfinished"),
        ([_job(rows=2)], "wrong_rows"),
        ([_job(seen=113.0)], "no_wake"),
        ([_job(written=114.0)], "no_wake"),
    ],
)
def test_each_fault_is_found(jobs, fault):
    """What must not be is named under its own word, alone."""
    junk = _state("junk", 98, JUNK, complete=False, junk=True)
    states = [junk, _state("half", 99, complete=False), _state()]
    assert _judged(states, jobs).faults.keys() == {fault}
