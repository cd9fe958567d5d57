"""The verdict finds what must not be, and nothing else."""

from __future__ import annotations

import pytest
from faults.seen import Key
from faults.verdict import Job, judge

KEY = Key("faults_sync", "r1", "one", -1)


def _output(attempt: str) -> str:
    return f"endpoints/faults_sync/r1/one/{attempt}/predictions.csv"


def _job(name="j1", state="Completed", attempt="1"):
    return Job(name, state, KEY, _output(attempt))


GOOD = {
    "runs": {"faults_sync r1": "success"},
    "results": {KEY: {"job_name": "j1"}},
    "jobs": [_job()],
    "blobs": {_output("1")},
    "cleared": {},
}


def test_one_job_and_its_output_is_what_there_shall_be():
    """A run that succeeded with one completed job has no faults."""
    verdict = judge(**GOOD)
    assert verdict.faults == {}
    assert verdict.counts["jobs"] == 1


def test_a_clear_has_a_second_attempt_and_a_cancelled_job():
    """After a Clear two attempts, one of them cancelled, are right."""
    jobs = [_job("j0", "Canceled", "1"), _job("j1", attempt="2-x7")]
    changes = {"jobs": jobs, "blobs": {_output("2-x7")}, "cleared": {KEY: 1}}
    assert judge(**{**GOOD, **changes}).faults == {}


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_clear_that_nobody_was_told_may_go_either_way(attempts):
    """The dead worker's job is taken up, or another one is started; never a third."""
    jobs = [_job("j0", "Canceled", "1"), _job("j1", attempt="2-x7")][2 - attempts :]
    blobs = {_output("1"), _output("2-x7")}
    changes = {
        "jobs": jobs,
        "blobs": blobs,
        "untold": {KEY: 1},
        "results": {KEY: {"job_name": "j1"}},
    }
    assert judge(**{**GOOD, **changes}).faults == {}
    more = {**changes, "jobs": [*jobs, _job("j2", attempt="3"), _job("j3", attempt="4")]}
    assert "needless" in judge(**{**GOOD, **more}).faults


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"runs": {"faults_sync r1": "failed"}}, "unfinished"),
        ({"jobs": [_job(), _job("j2", attempt="1-b")]}, "duplicates"),
        ({"jobs": [_job(), _job("j2", attempt="2")]}, "needless"),
        ({"cleared": {KEY: 1}}, "missing"),
        ({"results": {KEY: None}}, "lost"),
        ({"results": {KEY: {"job_name": "j9"}}}, "lost"),
        ({"blobs": set()}, "lost"),
        ({"jobs": [_job(), _job("j2", "Running")]}, "running"),
        ({"jobs": [_job(), _job("j2", "Canceled")]}, "cancelled"),
    ],
)
def test_what_must_not_be_is_found(changes, fault):
    """Each wrong is told by its own name."""
    assert fault in judge(**{**GOOD, **changes}).faults


def test_a_failed_job_allows_another_attempt():
    """A job that failed by itself is followed by another attempt without blame."""
    jobs = [_job("j0", "Failed", "1"), _job("j1", attempt="2")]
    changes = {"jobs": jobs, "blobs": {_output("2")}}
    assert judge(**{**GOOD, **changes}).faults == {}
