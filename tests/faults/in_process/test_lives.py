"""What may befall a task between its tries, besides the death of a process."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from faults.in_process.effects import Moment
from faults.in_process.one_run import OneRun, Story
from faults.in_process.plans import Kill, Plan
from faults.in_process.verdict import judge
from faults.in_process.world import World, new_run_id, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_fabml.local.azurite import Azurite

pytestmark = pytest.mark.azurite
LOST = Kill(1, Moment.UNANSWERED, "worker:POST job")
ON_ITS_WAY = Kill(1, Moment.ON_ITS_WAY, "worker:POST job")


@pytest.fixture(scope="module")
def calm(lake: Azurite) -> Iterator[World]:
    """A service with its switches where the emulator has them."""
    with world(lake, {}) as place:
        yield place


def run(place: World, *others: Story, run_id: str = "", **plan: Any) -> Story:
    """Carry out a plan and hold it against the truth."""
    wanted = replace(Plan("by hand", deferrable=True, retries=2), **plan)
    story = OneRun(place, wanted, run_id).go()
    verdict = judge(place, wanted, story, others)
    assert not verdict.faults, (verdict, story.log)
    return story


@pytest.mark.parametrize("kills", [(), (LOST,)], ids=["unharmed", "after a lost answer"])
@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_a_clear_opens_an_attempt_of_its_own(calm: World, deferrable: bool, kills: tuple):
    """Each Clear is one more job, at a place of its own; also two months later."""
    plan = {"clears": ("waiting", "finished"), "kills": kills, "deferrable": deferrable}
    story = run(calm, **plan, months_later=True)
    assert len(calm.jobs_of(story.run_id)) == 3


@pytest.mark.parametrize("edited", [1, 5], ids=["lowered", "raised"])
def test_editing_retries_between_tries_is_no_clear(calm: World, edited: int):
    """A lost worker resumes its job although the DAG file has other retries, and others are cleared."""
    story = run(calm, kills=(LOST,), edited_retries=edited, others_cleared=edited == 5)
    assert len(calm.jobs_of(story.run_id)) == 1


def test_a_clear_that_leaves_max_tries_is_seen(calm: World):
    """Retries lowered by as much as the Clear adds: the run's clear number tells."""
    story = run(calm, retries=2, edited_retries=1, clears=("finished",), edited_at=1)
    assert len(calm.jobs_of(story.run_id)) == 2


def test_lowered_retries_and_a_clear_of_another_task_are_taken_for_a_clear(calm: World):
    """What cannot be told apart: the job is cancelled and another one started, never two at a time."""
    plan = {"retries": 2, "edited_retries": 1, "others_cleared": True, "looks": 5}
    story = OneRun(calm, Plan("untellable", deferrable=True, kills=(LOST,), **plan)).go()
    states = [job["state"] for job in calm.jobs_of(story.run_id)]
    assert states == ["Canceled", "Completed"]


@pytest.mark.parametrize("kill", [LOST, Kill(1, Moment.BEFORE, "worker:DeferTask")], ids=str)
def test_items_do_not_swap_jobs_when_the_mapping_changes(calm: World, kill: Kill):
    """The map index has other inputs in the next try: another job, with the new item's rows."""
    story = run(calm, kills=(kill,), map_index=1, other_inputs=True, looks=5)
    states = [job["state"] for job in calm.jobs_of(story.run_id)]
    assert states == ["Canceled", "Completed"]


@pytest.mark.parametrize("kill", [LOST, ON_ITS_WAY], ids=str)
def test_a_run_that_is_created_again_never_meets_the_old_one(calm: World, kill: Kill):
    """The same run id and an empty memory: a job and a place of its own."""
    before = run(calm, kills=(kill,))
    after = run(calm, before, run_id=before.run_id, kills=(kill,))
    assert before.result["job_name"] != after.result["job_name"]
    assert before.result["outputs"] != after.result["outputs"]


def test_two_airflows_on_one_container_do_not_meet(calm: World):
    """The same DAG, run and task at the same time in two Airflows, each losing an answer."""
    stories: list[Story] = []
    plan = Plan("twin", deferrable=True, retries=2, kills=(LOST,))
    run_id = new_run_id()
    runs = [OneRun(calm, plan, run_id) for _ in range(2)]
    threads = [threading.Thread(target=lambda run=run: stories.append(run.go())) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stories) == 2
    for story, other in (stories, stories[::-1]):
        assert not judge(calm, plan, story, [other]).faults


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_what_nothing_identifies_is_left_to_a_person(lake: Azurite, deferrable: bool):
    """No tag, no URI: the error names endpoint, time, input and candidates; a Clear goes on."""
    nothing = {"stores_tags": False, "keeps_output_uri": "no"}
    with world(lake, nothing) as place:
        story = run(place, kills=(LOST,), switches=nothing, strangers=2, deferrable=deferrable)
        assert len(story.undecided) == 1
        assert len(place.jobs_of(story.run_id)) == 2  # the unknown one, and the one after the Clear


def test_a_job_that_is_listed_after_the_settle_window_is_not_kept_silent(calm: World):
    """It cannot be prevented: the second job is told, with endpoint, time, input and both jobs."""
    plan = Plan("late", deferrable=True, retries=2, kills=(ON_ITS_WAY,), settle=0, late=True)
    story = OneRun(calm, plan).go()
    assert judge(calm, plan, story).duplicates, "this harness does not see a second job"
    told = [line for line in story.log[-1].splitlines() if line.startswith("ERROR")]
    assert len(told) == 1, story.log[-1]
    (first, *_), jobs = story.intents.values(), calm.jobs_of(story.run_id)
    wanted = ["heart-classifier", first.at, story.input_uri, *(job["name"] for job in jobs)]
    assert [word for word in wanted if word not in told[0]] == []
