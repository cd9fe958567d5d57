"""The deadline of an attempt: absolute, inherited by a try that resumes it, and kept free of POSTs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.meanwhile import meanwhile, until
from support.operators import new_run, score
from support.task_runner import TaskOutcome, run_task, run_to_end

from airflow_provider_fabml import UriFolder

if TYPE_CHECKING:
    from support.scoring import Scoring

pytestmark = pytest.mark.azurite
POST = {"method": "POST", "path": r"/endpoints/[^/]+/jobs$"}


class Task:
    """One task instance over several tries, each started when the test says."""

    def __init__(self, scoring: Scoring, **changes: Any) -> None:
        self.scoring, self.run_id, self.store = scoring, new_run(), {}
        self.changes = {"inputs": {"heart": UriFolder(scoring.upload())}, **changes}

    def run(self, number: int, start: datetime, *, to_end: bool = True) -> TaskOutcome:
        """One try, which Airflow says began at ``start``."""
        run = run_to_end if to_end else run_task
        return run(
            score(**self.changes),
            connections=self.scoring.connections,
            run_id=self.run_id,
            state_store=self.store,
            try_number=number,
            max_tries=2,
            start_date=start,
        )

    def jobs(self) -> list[dict[str, Any]]:
        """The truth about its jobs."""
        return self.scoring.emulator.control.jobs()


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_try_that_resumes_inherits_the_deadline(manual_scoring: Scoring, deferrable: bool):
    """The worker was lost after the submit: the next try ends when the first would have."""
    task = Task(manual_scoring, deferrable=True, execution_timeout=timedelta(seconds=6))
    began = datetime.now(UTC)
    assert task.run(1, began, to_end=False).state == "deferred"
    task.changes["deferrable"] = deferrable
    done = task.run(2, began + timedelta(hours=1))
    took = (datetime.now(UTC) - began).total_seconds()
    assert "was about to pass; its cancellation was asked for" in str(done.error)
    assert 5 <= took < 20
    assert [job["state"] in {"CancelRequested", "Canceled"} for job in task.jobs()] == [True]


def test_a_job_that_was_left_gets_a_new_deadline_and_no_twin(manual_scoring: Scoring):
    """``on_timeout="leave"``: the next try waits for the same job, as long as a try may take."""
    task = Task(manual_scoring, on_timeout="leave", execution_timeout=timedelta(seconds=3))
    done = task.run(1, datetime.now(UTC))
    assert "it was left running" in str(done.error)
    (job,) = task.jobs()

    def end() -> None:
        time.sleep(1)
        for _ in range(5):
            manual_scoring.emulator.control.advance_job(job["name"])

    task.changes["execution_timeout"] = timedelta(seconds=60)
    with meanwhile(end):
        done = task.run(2, datetime.now(UTC))
    assert done.state == "success", done.text
    assert [done.result["job_name"]] == [job["name"] for job in task.jobs()]


def test_nothing_is_posted_when_the_answer_would_come_too_late(manual_scoring: Scoring):
    """Half a minute of the timeout is the POST's; a try that gets there late sends nothing."""
    task = Task(manual_scoring, execution_timeout=timedelta(minutes=1))
    before = len(manual_scoring.posts())
    done = task.run(1, datetime.now(UTC) - timedelta(seconds=40))
    assert done.state == "up_for_retry"
    assert "too late to start a job; nothing was sent" in str(done.error)
    assert (len(manual_scoring.posts()), task.jobs(), task.store) == (before, [], {})


def test_a_slow_answer_is_given_up_in_time_and_its_job_found(manual_scoring: Scoring):
    """The POST has half of the timeout; then its job is looked for, and the task goes on with it."""
    manual_scoring.emulator.control.add_fault(**POST, when="after", delay=60)
    task = Task(manual_scoring, deferrable=True, execution_timeout=timedelta(seconds=16))
    began = time.monotonic()
    done = task.run(1, datetime.now(UTC), to_end=False)
    assert done.state == "deferred", done.text
    assert time.monotonic() - began < 16
    assert len(manual_scoring.posts()) == len(task.jobs()) == 1


def test_a_job_that_ended_by_the_deadline_counts(manual_scoring: Scoring):
    """The last look comes at the deadline itself."""
    task = Task(manual_scoring, execution_timeout=timedelta(seconds=10), poll_interval=60)

    def end() -> None:
        until(task.jobs)
        time.sleep(1.2)
        for _ in range(5):
            manual_scoring.emulator.control.advance_job(task.jobs()[0]["name"])

    with meanwhile(end):
        done = task.run(1, datetime.now(UTC))
    assert done.state == "success", done.text


@pytest.mark.parametrize("on_timeout", ["cancel", "leave"])
def test_a_service_slower_than_the_margin_changes_nothing(manual_scoring: Scoring, on_timeout: str):
    """Airflow's own timeout interrupts a look: the job is settled as asked, and the error is ours."""
    task = Task(manual_scoring, execution_timeout=timedelta(seconds=5), on_timeout=on_timeout)
    task.changes["poll_interval"] = 1
    control = manual_scoring.emulator.control
    control.add_fault(method="GET", path=r"/jobs/[^/]+$", skip=1, delay=6, times=2)
    done = task.run(1, datetime.now(UTC))
    assert "was about to pass" in str(done.error), done.text
    (job,) = task.jobs()
    assert (job["state"] in {"CancelRequested", "Canceled"}) == (on_timeout == "cancel")
    assert task.store["fabml_invocation"]["spent"] == (on_timeout == "cancel")
