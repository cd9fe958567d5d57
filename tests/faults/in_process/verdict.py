"""Holds a run against the truth: one job for each reason to have one, and the result is that job's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from faults.in_process.world import ROWS

if TYPE_CHECKING:
    from faults.in_process.one_run import Story
    from faults.in_process.plans import Plan
    from faults.in_process.world import World


class Verdict(NamedTuple):
    """``faults`` is empty where all is well."""

    jobs: int
    duplicates: int
    lost: int
    faults: tuple[str, ...]


def judge(world: World, plan: Plan, story: Story) -> Verdict:
    """Compare what Airflow has with what the service has."""
    jobs = world.jobs_of(story.run_id)
    duplicates = _duplicates(jobs, story)
    faults = [*duplicates, *_shared_places(jobs), *_left_running(jobs, story)]
    lost = _wrong_result(world, jobs, story)
    for text in story.undecided:
        faults += _unclear_error(plan, jobs, story, text)
    return Verdict(len(jobs), len(duplicates), int(bool(lost)), (*faults, *lost))


def _duplicates(jobs: list[dict[str, Any]], story: Story) -> list[str]:
    """An epoch is what one Clear, or one failed job, has opened."""
    epochs = Counter(story.epochs.get(job["request_id"], -1) for job in jobs)
    return [f"{count} jobs in epoch {epoch}" for epoch, count in epochs.items() if count > 1]


def _shared_places(jobs: list[dict[str, Any]]) -> list[str]:
    places = Counter(place for job in jobs for place in _places(job))
    return [f"{count} jobs write to {place}" for place, count in places.items() if count > 1]


def _places(job: dict[str, Any]) -> list[str]:
    return [output["uri"] for output in job["request"]["outputData"].values()]


def _left_running(jobs: list[dict[str, Any]], story: Story) -> list[str]:
    """A job of an earlier epoch is cancelled when the next one begins, unless nobody can know it."""
    if story.undecided:
        return []
    return [
        f"job {job['name']} of an earlier attempt is still {job['state']}"
        for job in jobs
        if story.epochs.get(job["request_id"]) != story.epoch and not _over(job)
    ]


def _over(job: dict[str, Any]) -> bool:
    return job["state"] in {"Completed", "Failed", "Canceled"}


def _wrong_result(world: World, jobs: list[dict[str, Any]], story: Story) -> list[str]:
    if story.state != "success":
        return [f"the task ended {story.state}"]
    newest = [job for job in jobs if story.epochs.get(job["request_id"]) == story.epoch]
    result = story.result or {}
    if result.get("job_name") not in {job["name"] for job in newest}:
        return [f"the result names {result.get('job_name')}, not a job of epoch {story.epoch}"]
    told = [output["uri"] for output in result["outputs"].values()]
    if not {_short(uri) for uri in told} == {_short(uri) for uri in _places(newest[-1])}:
        return [f"the result's outputs {told} are not the job's {_places(newest[-1])}"]
    if result["status"] != "Completed" or not result.get("checked_outputs"):
        return [f"the result is {result['status']} and checked {result.get('checked_outputs')}"]
    rows = sum(world.rows_at(uri) for uri in told)
    return [] if rows == ROWS else [f"{rows} rows instead of {ROWS}"]


def _short(uri: str) -> str:
    return uri[uri.index("/datastores/") :]


def _unclear_error(plan: Plan, jobs: list[dict[str, Any]], story: Story, text: str) -> list[str]:
    """An error that asks a person has to name endpoint, time, input and every candidate."""
    if plan.has_marks:
        return [f"undecided although the service keeps marks: {text[-600:]}"]
    endpoint = "heart-pipeline" if plan.kind == "pipeline" else "heart-classifier"
    wanted = {"endpoint": endpoint, "time": "20", "input": story.input_uri}
    return [
        f"the undecided error does not name the {what}"
        for what, word in wanted.items()
        if word not in text
    ]
