"""How waiting ends: by a deadline, by a person, or by a signal that means nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from support.operators import new_run, score
from support.scoring import start_job
from support.task_runner import Supervisor, run_task, run_to_end, supervised

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.triggers.azure_ml import AzureMLBatchJobTrigger

if TYPE_CHECKING:
    from support.scoring import Scoring

pytestmark = pytest.mark.azurite


def only_job(scoring: Scoring) -> dict:
    """The emulator's truth about its only job."""
    (job,) = scoring.emulator.control.jobs()
    return job


@pytest.mark.parametrize("on_timeout", ["cancel", "leave"])
@pytest.mark.parametrize("deferrable", [False, True])
def test_a_deadline_settles_the_job(manual_scoring: Scoring, deferrable: bool, on_timeout: str):
    """Before execution_timeout passes the job is cancelled or left, and the error says which."""
    started = datetime.now(UTC)
    operator = score(
        inputs={"heart": UriFolder(manual_scoring.upload())},
        deferrable=deferrable,
        on_timeout=on_timeout,
        execution_timeout=timedelta(seconds=4),
    )
    done = run_to_end(
        operator,
        connections=manual_scoring.connections,
        run_id=new_run(),
        max_tries=1,
        start_date=started,
    )
    assert done.state == "up_for_retry", done.text
    assert "was Preparing when execution_timeout (0:00:04) was about to pass" in str(done.error)
    cancelled = only_job(manual_scoring)["state"] in {"CancelRequested", "Canceled"}
    assert cancelled == (on_timeout == "cancel")


def test_a_signal_that_nobody_meant_changes_nothing(manual_scoring: Scoring):
    """SIGTERM of a rolling restart: Airflow still has the task running, so it goes on (D7)."""
    outcome = _with_signal(manual_scoring, state="running")
    assert outcome.state == "success", outcome.text
    assert "going on" in outcome.text


def test_a_person_ending_the_task_cancels_the_job(manual_scoring: Scoring):
    """Marked failed while it waits on a worker: the job is cancelled."""
    outcome = _with_signal(manual_scoring, state="failed")
    assert outcome.state != "success"
    assert only_job(manual_scoring)["state"] in {"CancelRequested", "Canceled"}


def test_cancel_on_kill_can_be_switched_off(manual_scoring: Scoring):
    """With ``cancel_on_kill=False`` a person ending the task leaves the job alone."""
    _with_signal(manual_scoring, state="failed", cancel_on_kill=False)
    assert only_job(manual_scoring)["state"] == "Preparing"


def _with_signal(scoring: Scoring, *, state: str, **changes):
    """Run the operator in this thread, send this process SIGTERM while it waits, then end the job."""
    operator = score(inputs={"heart": UriFolder(scoring.upload())}, storage_conn_id=None, **changes)
    run_id, supervisor = new_run(), Supervisor(scoring.connections, {})
    supervisor.task_states = {run_id: {"score": state}}

    def interfere() -> None:
        while not scoring.emulator.control.jobs():
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1.5)
        if state == "running":
            scoring.emulator.control.set_state(only_job(scoring)["name"], "Completed")

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=interfere)
    thread.start()
    try:
        return run_task(operator, run_id=run_id, supervisor=supervisor)
    finally:
        thread.join()
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("state", "newest", "cancelled"),
    [
        ("deferred", "this", False),  # moved to another triggerer, or its stall: still ours
        ("deferred", "another", True),  # cleared: the next attempt waits for a job of its own
        ("failed", "this", True),
        ("success", "this", True),
        (None, "this", True),  # cleared, or the run was deleted
    ],
)
def test_a_killed_trigger_asks_before_it_cancels(
    manual_scoring: Scoring, state: str | None, newest: str, cancelled: bool
):
    """The trigger cancels unless the task still waits for this very job (D7)."""
    handle = start_job(manual_scoring)
    supervisor = Supervisor(manual_scoring.connections, {})
    supervisor.task_states = {"run": {"score": state}}
    supervisor.xcoms["azure_ml_job"] = handle if newest == "this" else {"job_name": "another"}
    trigger = AzureMLBatchJobTrigger(azure_ml_conn_id="azure_ml_default", job=handle)
    trigger.task_instance = SimpleNamespace(
        dag_id="a_dag", run_id="run", task_id="score", map_index=-1
    )
    with supervised(supervisor):
        asyncio.run(trigger.on_kill())
    status = only_job(manual_scoring)["state"]
    assert (status in {"CancelRequested", "Canceled"}) == cancelled


def test_a_result_that_is_not_usable_is_not_waited_for_again(manual_scoring: Scoring):
    """A job that completed without a result: the next try is another job at another path."""
    operator = score(inputs={"heart": UriFolder(manual_scoring.upload())}, retries=1)
    run_id, store = new_run(), {}

    def end(number: int) -> None:
        while len(manual_scoring.emulator.control.jobs()) < number:
            time.sleep(0.05)
        job = manual_scoring.emulator.control.jobs()[-1]
        manual_scoring.emulator.control.set_state(job["name"], "Completed")

    for number in (1, 2):
        thread = threading.Thread(target=end, args=(number,))
        thread.start()
        done = run_to_end(
            operator,
            connections=manual_scoring.connections,
            run_id=run_id,
            state_store=store,
            try_number=number,
            max_tries=1,
        )
        thread.join()
        assert "nothing lies at" in str(done.error)
    assert len({post.body for post in manual_scoring.posts()}) == 2
    assert ["/score/1-" in post.body for post in manual_scoring.posts()] == [True, False]


def test_a_job_we_cancelled_is_not_resumed(manual_scoring: Scoring):
    """After a deadline that cancelled the job, the next try opens an attempt of its own."""
    operator = score(
        inputs={"heart": UriFolder(manual_scoring.upload())},
        execution_timeout=timedelta(seconds=3),
    )
    run_id, store = new_run(), {}
    for number in (1, 2):
        run_to_end(
            operator,
            connections=manual_scoring.connections,
            run_id=run_id,
            state_store=store,
            try_number=number,
            max_tries=1,
            start_date=datetime.now(UTC),
        )
    assert len(manual_scoring.emulator.control.jobs()) == 2
