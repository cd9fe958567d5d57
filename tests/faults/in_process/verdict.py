"""Holds a run against the truth: one job for each reason to have one, and the result is that job's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from faults.in_process.plans import Plan
    from faults.in_process.story import Story, Undecided
    from faults.in_process.world import World


class Verdict(NamedTuple):
    """``faults`` is empty where all is well.

    ``job_epochs`` has one entry for each job that no person had cancelled.
    """

    jobs: int
    job_epochs: tuple[int, ...]
    duplicates: int
    lost: int
    faults: tuple[str, ...]


def judge(world: World, plan: Plan, story: Story, others: Iterable[Story] = ()) -> Verdict:
    """Compare what Airflow has with what the service has; ``others`` ran under the same run id."""
    theirs = {invocation for other in others for invocation in other.intents}
    every = world.jobs_of(story.run_id)
    jobs = [job for job in every if job["request_id"] not in theirs]
    duplicates = _duplicates(jobs, story)
    faults = [*duplicates, *_shared_places(every), *_left_running(plan, jobs, story)]
    if plan.exact and len(story.kills) != len(plan.kills):
        faults.append(f"killed {len(story.kills)} times, not {len(plan.kills)}")
    lost = _wrong_result(world, jobs, story)
    for error in story.undecided:
        made = [job for job in jobs if story.epoch_of(job) == error.intent.epoch]
        faults += _unclear_error(plan, made, story, error)
    epochs = tuple(story.epoch_of(job) for job in jobs if not _wanted_away(job, story))
    return Verdict(len(jobs), epochs, len(duplicates), int(bool(lost)), (*faults, *lost))


def _duplicates(jobs: list[dict[str, Any]], story: Story) -> list[str]:
    """An epoch is what one Clear, one failed job or other inputs have opened: one job each."""
    epochs = Counter(story.epoch_of(job) for job in jobs if not _wanted_away(job, story))
    return [f"{count} jobs in epoch {epoch}" for epoch, count in epochs.items() if count > 1]


def _wanted_away(job: dict[str, Any], story: Story) -> bool:
    return job["state"] == "Canceled" and story.epoch_of(job) in story.ended_by_person


def _shared_places(jobs: list[dict[str, Any]]) -> list[str]:
    places = Counter(place for job in jobs for place in _places(job))
    return [f"{count} jobs write to {place}" for place, count in places.items() if count > 1]


def _places(job: dict[str, Any]) -> list[str]:
    return [output["uri"] for output in job["request"]["outputData"].values()]


def _left_running(plan: Plan, jobs: list[dict[str, Any]], story: Story) -> list[str]:
    """A job of an earlier epoch is cancelled when the next one begins, unless nobody can know it."""
    if not plan.tellable:
        return []
    return [
        f"job {job['name']} of an earlier attempt is still {job['state']}"
        for job in jobs
        if story.epoch_of(job) != story.epoch and not _over(job)
    ]


def _over(job: dict[str, Any]) -> bool:
    return job["state"] in {"Completed", "Failed", "Canceled"}


def _wrong_result(world: World, jobs: list[dict[str, Any]], story: Story) -> list[str]:
    if story.state != "success":
        return [f"the task ended {story.state}"]
    newest = [
        j
        for j in jobs
        if story.epoch_of(j) == story.epoch and j["state"] not in {"Failed", "Canceled"}
    ]
    result = story.result or {}
    if result.get("job_name") not in {job["name"] for job in newest}:
        return [f"the result names {result.get('job_name')}, not a job of epoch {story.epoch}"]
    told = [output["uri"] for output in result["outputs"].values()]
    if {_short(uri) for uri in told} != {_short(uri) for uri in _places(newest[-1])}:
        return [f"the result's outputs {told} are not the job's {_places(newest[-1])}"]
    if result["status"] != "Completed" or not result.get("checked_outputs"):
        return [f"the result is {result['status']} and checked {result.get('checked_outputs')}"]
    rows, wanted = sum(world.rows_at(uri) for uri in told), world.rows[story.input_uri]
    return [] if rows == wanted else [f"{rows} rows instead of {wanted}"]


def _short(uri: str) -> str:
    return uri[uri.index("/datastores/") :]


def _unclear_error(
    plan: Plan, jobs: list[dict[str, Any]], story: Story, undecided: Undecided
) -> list[str]:
    """An error that asks a person has to name endpoint, time, input and every candidate."""
    if plan.tellable:
        return [f"undecided although the service keeps marks: {undecided.text[-600:]}"]
    endpoint = "heart-pipeline" if plan.kind == "pipeline" else "heart-classifier"
    wanted = {"endpoint": endpoint, "time": undecided.intent.at, "input": story.input_uri}
    wanted |= {f"candidate {job['name']}": job["name"] for job in jobs}
    error = undecided.text[undecided.text.rindex("AirflowFailException") :]
    return [
        f"the undecided error lacks the {what}"
        for what, word in wanted.items()
        if word not in error
    ]
