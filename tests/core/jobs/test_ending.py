"""Which words of Airflow cancel a job: the pure half of the cancel matrix."""

from __future__ import annotations

from itertools import product

import pytest
from airflow.sdk import TaskInstanceState

from airflow_provider_fabml.core.jobs.ending import (
    CLEARED,
    GONE,
    Fate,
    Wish,
    fate_in_triggerer,
    fate_on_worker,
)

ALL_STATES = (*(state.value for state in TaskInstanceState), CLEARED, GONE, "a new word")
WISHES = [Wish(*each) for each in product((True, False), ("cancel", "leave"), ("cancel", "leave"))]
ENDED = {"failed", "success", "skipped", "upstream_failed", "removed", GONE}
LEAVE_ALL = Wish(cancel_on_kill=False, on_clear="leave", on_timeout="leave")


def in_triggerer(state: str, wish: Wish, *, newest: bool = True, late: bool = False) -> Fate:
    """The fate with what is usual."""
    return fate_in_triggerer(state, newest=newest, late=late, wish=wish)


@pytest.mark.parametrize("state", ALL_STATES)
@pytest.mark.parametrize("wish", WISHES)
def test_only_an_end_or_a_clear_cancels(state: str, wish: Wish) -> None:
    """An end cancels if ``cancel_on_kill`` says so, a Clear if ``on_clear`` does; nothing else does."""
    cancels = (state in ENDED and wish.cancel_on_kill) or (
        state == "restarting" and wish.on_clear == "cancel"
    )
    assert (fate_on_worker(state, wish) is Fate.CANCEL) == cancels
    cancels = (state in ENDED and wish.cancel_on_kill) or (
        state == CLEARED and wish.on_clear == "cancel"
    )
    assert (in_triggerer(state, wish) is Fate.CANCEL) == cancels


@pytest.mark.parametrize("state", ALL_STATES)
def test_nothing_cancels_where_nobody_wants_it(state: str) -> None:
    """With every switch off, no word of Airflow cancels a job."""
    assert not LEAVE_ALL.may_cancel
    fates = {fate_on_worker(state, LEAVE_ALL), in_triggerer(state, LEAVE_ALL)}
    fates.add(in_triggerer(state, LEAVE_ALL, newest=False, late=True))
    assert Fate.CANCEL not in fates


def test_a_clear_is_remembered_even_where_the_job_is_left() -> None:
    """The next try starts another job, whatever becomes of this one."""
    assert fate_on_worker("restarting", Wish(on_clear="leave")) is Fate.FORGET


def test_a_task_that_still_waits_goes_on() -> None:
    """A worker that has the task running, and a trigger of a deferred task, change nothing."""
    assert fate_on_worker("running", Wish()) is Fate.GO_ON
    assert in_triggerer("deferred", Wish()) is Fate.GO_ON
    assert fate_on_worker("a new word", Wish()) is Fate.GO_ON


@pytest.mark.parametrize("state", ["scheduled", "queued", "up_for_retry", CLEARED, "deferred"])
def test_a_worker_leaves_the_job_to_the_try_that_has_it(state: str) -> None:
    """A worker that Airflow gave up (lost heartbeats, a new scheduler) stops and cancels nothing."""
    assert fate_on_worker(state, Wish()) is Fate.LEAVE


@pytest.mark.parametrize("state", ["scheduled", "queued", "up_for_retry", "up_for_reschedule"])
def test_a_trigger_waits_for_the_try_that_is_on_its_way(state: str) -> None:
    """Cleared, or resumed with another triggerer's help: what becomes of that try decides."""
    assert in_triggerer(state, Wish()) is Fate.ASK_AGAIN


def test_a_trigger_leaves_the_job_to_a_worker() -> None:
    """The worker settles it, or takes its result."""
    assert in_triggerer("running", Wish()) is Fate.LEAVE


@pytest.mark.parametrize("on_clear", ["cancel", "leave"])
def test_a_deferred_task_with_another_job_was_cleared(on_clear: str) -> None:
    """Its next attempt waits already."""
    fate = in_triggerer("deferred", Wish(on_clear=on_clear), newest=False)
    assert fate is (Fate.CANCEL if on_clear == "cancel" else Fate.LEAVE)


def test_after_the_deadline_on_timeout_decides() -> None:
    """The task may have failed by itself meanwhile, with the help of another triggerer."""
    assert in_triggerer("failed", Wish(on_timeout="leave"), late=True) is Fate.LEAVE
    assert in_triggerer("failed", Wish(on_timeout="cancel"), late=True) is Fate.CANCEL
