"""Judges a run of the harness over plain values: one job an attempt, nothing lost or cancelled."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from faults.seen import Key

COMPLETED, CANCELED = "Completed", "Canceled"
ENDED = frozenset({COMPLETED, CANCELED, "Failed"})


class Job(NamedTuple):
    """A job as the emulator knows it; ``output`` is the blob that it was told to write."""

    name: str
    state: str
    key: Key
    output: str

    @property
    def attempt(self) -> str:
        """The attempt's number: how its output folder begins."""
        return self.output.split("/")[-2].split("-")[0].split("_")[0]


class Verdict(NamedTuple):
    """What was found. Each list must be empty, ``counts`` are for the reader."""

    unfinished: list[str]
    duplicates: list[str]
    needless: list[str]
    missing: list[str]
    lost: list[str]
    running: list[str]
    cancelled: list[str]
    counts: dict[str, int]

    @property
    def faults(self) -> dict[str, list[str]]:
        """Return what must not be."""
        return {name: found for name, found in self._asdict().items() if name != "counts" and found}


def judge(
    runs: Mapping[str, str],
    results: Mapping[Key, Mapping[str, Any] | None],
    jobs: Sequence[Job],
    blobs: Collection[str],
    cleared: Mapping[Key, int],
    untold: Mapping[Key, int] | None = None,
) -> Verdict:
    """Return the verdict once the load has ended.

    :param runs: each DAG run's state.
    :param results: each task instance's returned handle.
    :param blobs: names of all blobs in the container.
    :param cleared: how often each task instance was cleared while its job was running.
    :param untold: Clears besides that no process was left to be told of: one of these may open another
        attempt or go on with the job (the case that Airflow gives no means to tell).
    """
    untold = untold or {}
    at_most = {key: cleared.get(key, 0) + untold.get(key, 0) for key in {*cleared, *untold}}
    by_task: dict[Key, list[Job]] = {key: [] for key in results}
    for job in jobs:
        by_task.setdefault(job.key, []).append(job)
    return Verdict(
        unfinished=[f"{run}: {state}" for run, state in runs.items() if state != "success"],
        duplicates=_duplicates(by_task),
        needless=_needless(by_task, at_most),
        missing=[str(key) for key, made in by_task.items() if len(made) <= cleared.get(key, 0)],
        lost=_lost(results, {job.name: job for job in jobs}, blobs),
        running=[f"{job.name}: {job.state}" for job in jobs if job.state not in ENDED],
        cancelled=_cancelled(by_task, at_most),
        counts={
            "DAG runs": len(runs),
            "task instances": len(results),
            "jobs": len(jobs),
            "Clears": sum(cleared.values()),
            "Clears that nobody was told": sum(untold.values()),
            "cancelled jobs": sum(job.state == CANCELED for job in jobs),
        },
    )


def _duplicates(by_task: Mapping[Key, list[Job]]) -> list[str]:
    """Attempts with more than one job."""
    found = []
    for key, made in by_task.items():
        for attempt, count in Counter(job.attempt for job in made).items():
            if count > 1:
                names = [job.name for job in made if job.attempt == attempt]
                found.append(f"{key} attempt {attempt}: {names}")
    return found


def _needless(by_task: Mapping[Key, list[Job]], cleared: Mapping[Key, int]) -> list[str]:
    """Attempts opened although nobody cleared the task and no job failed."""
    found = []
    for key, made in by_task.items():
        failed = sum(job.state == "Failed" for job in made)
        attempts = {job.attempt for job in made}
        if len(attempts) > 1 + cleared.get(key, 0) + failed:
            found.append(f"{key}: attempts {sorted(attempts)}, {cleared.get(key, 0)} Clears")
    return found


def _lost(
    results: Mapping[Key, Mapping[str, Any] | None], jobs: Mapping[str, Job], blobs: Collection[str]
) -> list[str]:
    found = []
    for key, result in results.items():
        if result is None:
            found.append(f"{key}: no result")
            continue
        job = jobs.get(result["job_name"])
        if job is None or job.state != COMPLETED or job.key != key:
            found.append(f"{key}: {result['job_name']} is {job.state if job else 'unknown'}")
        elif job.output not in blobs:
            found.append(f"{key}: no blob {job.output}")
    return found


def _cancelled(by_task: Mapping[Key, list[Job]], cleared: Mapping[Key, int]) -> list[str]:
    return [
        f"{key}: {gone} cancelled, {cleared.get(key, 0)} Clears"
        for key, made in by_task.items()
        if (gone := sum(job.state == CANCELED for job in made)) > cleared.get(key, 0)
    ]
