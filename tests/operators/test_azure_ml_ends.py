"""How waiting ends: by a deadline, by a person, or by a signal that means nothing."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from support.meanwhile import meanwhile, until
from support.operators import new_run, score, trigger_of
from support.scoring import start_job
from support.task_runner import Supervisor, first_event, run_task, run_to_end, supervised

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.core.jobs import watch
from airflow_provider_fabml.core.jobs.ending import GONE
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
    operator = score(
        inputs={"heart": UriFolder(manual_scoring.upload())},
        deferrable=deferrable,
        on_timeout=on_timeout,
        execution_timeout=timedelta(seconds=8),
    )
    done = run_to_end(
        operator,
        connections=manual_scoring.connections,
        run_id=new_run(),
        max_tries=1,
        start_date=datetime.now(UTC),
    )
    assert done.state == "up_for_retry", done.text
    assert "was Preparing when execution_timeout (0:00:08) was about to pass" in str(done.error)
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
    assert asked_to_end(manual_scoring)


def test_a_deleted_run_cancels_the_job(manual_scoring: Scoring):
    """The run is gone, and with it everything Airflow knew: the job is cancelled."""
    _with_signal(manual_scoring, state=GONE)
    assert asked_to_end(manual_scoring)


@pytest.mark.parametrize("on_clear", ["cancel", "leave"])
def test_a_clear_is_settled_as_on_clear_says(manual_scoring: Scoring, on_clear: str):
    """Cleared while it waits on a worker; the next try starts another job even if nothing else tells.

    Airflow 3.3.2 leaves ``max_tries`` as it was when it clears a running task without retries.
    """
    store: dict = {}
    outcome = _with_signal(manual_scoring, state="restarting", store=store, on_clear=on_clear)
    assert outcome.state != "success"
    assert asked_to_end(manual_scoring) == (on_clear == "cancel")
    assert store["fabml_invocation"]["spent"]


def test_cancel_on_kill_can_be_switched_off(manual_scoring: Scoring):
    """With ``cancel_on_kill=False`` a person ending the task leaves the job alone."""
    _with_signal(manual_scoring, state="failed", cancel_on_kill=False)
    assert only_job(manual_scoring)["state"] == "Preparing"


@pytest.mark.parametrize("listed_after", [1.0, 60.0], ids=["listed", "not listed"])
def test_a_person_ending_the_task_during_the_look_up(manual_scoring: Scoring, listed_after: float):
    """The answer was lost and no handle is known yet: the job is looked for and cancelled, or named."""
    control = manual_scoring.emulator.control
    control.set_switches(listed_after_seconds=listed_after)
    control.add_fault(kind="lost_answer", method="POST", path="/endpoints/[^/]+/jobs$")
    outcome = _with_signal(manual_scoring, state="failed", after=2.0)
    assert outcome.state != "success"
    listed = listed_after < 2
    assert asked_to_end(manual_scoring) == listed
    assert ("it is not listed, and not cancelled" in outcome.text) != listed
    assert listed or "may have been started on endpoint 'heart-classifier'" in outcome.text


def _with_signal(
    scoring: Scoring, *, state: str, store: dict | None = None, after: float = 0.5, **changes
):
    """Run the operator in this thread, send this process SIGTERM while it waits, then end the job."""
    operator = score(inputs={"heart": UriFolder(scoring.upload())}, storage_conn_id=None, **changes)
    run_id, supervisor = new_run(), Supervisor(scoring.connections, {} if store is None else store)
    supervisor.task_states = {} if state == GONE else {run_id: {"score": state}}

    def interfere() -> None:
        until(scoring.emulator.control.jobs)
        time.sleep(after)
        os.kill(os.getpid(), signal.SIGTERM)
        if state == "running":
            time.sleep(1.5)  # it goes on, and only then there is something to report
            scoring.emulator.control.set_state(only_job(scoring)["name"], "Completed")

    before = signal.getsignal(signal.SIGTERM)
    try:
        with meanwhile(interfere):
            return run_task(operator, run_id=run_id, supervisor=supervisor)
    finally:
        signal.signal(signal.SIGTERM, before)


def killed_trigger(scoring: Scoring, supervisor: Supervisor, **options) -> AzureMLBatchJobTrigger:
    """A trigger that waited for a new job, whose task the supervisor tells of."""
    handle = start_job(scoring)
    supervisor.xcoms["azure_ml_job"] = handle
    return trigger_of(handle, "run", **options)


def asked_to_end(scoring: Scoring) -> bool:
    """Whether the only job was cancelled."""
    return only_job(scoring)["state"] in {"CancelRequested", "Canceled"}


@pytest.mark.parametrize(
    ("states", "options", "cancelled"),
    [
        ({"run": {"score": "deferred"}}, {}, False),  # moved to another triggerer, or a stall
        ({"run": {"score": "failed"}}, {}, True),
        ({"run": {"score": "failed"}}, {"cancel_on_kill": False}, False),
        ({"run": {"score": None}}, {}, True),  # cleared
        ({"run": {"score": None}}, {"on_clear": "leave"}, False),
        ({}, {}, True),  # the run was deleted
        ({"run": {"score": "running"}}, {}, False),  # a worker has it
    ],
)
def test_a_killed_trigger_asks_before_it_cancels(
    manual_scoring: Scoring, states: dict, options: dict, cancelled: bool
):
    """The trigger cancels only where Airflow says that somebody ended the task (D7)."""
    supervisor = Supervisor(manual_scoring.connections, {})
    supervisor.task_states = states
    trigger = killed_trigger(manual_scoring, supervisor, **options)
    with supervised(supervisor):
        asyncio.run(trigger.on_kill())
    assert asked_to_end(manual_scoring) == cancelled


def test_a_killed_trigger_that_waits_for_another_job_was_cleared(manual_scoring: Scoring):
    """The task is deferred, and on its next attempt's job: this one is the Clear's to settle."""
    supervisor = Supervisor(manual_scoring.connections, {})
    supervisor.task_states = {"run": {"score": "deferred"}}
    trigger = killed_trigger(manual_scoring, supervisor)
    supervisor.xcoms["azure_ml_job"] = {"job_name": "another"}
    with supervised(supervisor):
        asyncio.run(trigger.on_kill())
    assert asked_to_end(manual_scoring)


class Hiccup(Supervisor):
    """Does not answer the first questions about the task's state."""

    failing = 2

    def _GetTaskStates(self, msg):  # noqa: N802 (named after the message)
        self.failing -= 1
        if self.failing >= 0:
            raise ConnectionError("the API server does not answer")
        return super()._GetTaskStates(msg)


@pytest.mark.parametrize("state", ["deferred", "failed"])
def test_a_killed_trigger_outlives_a_hiccup_of_airflow(manual_scoring: Scoring, state: str):
    """Not knowing cancels nothing; once Airflow answers, its answer holds."""
    supervisor = Hiccup(manual_scoring.connections, {})
    supervisor.task_states = {"run": {"score": state}}
    trigger = killed_trigger(manual_scoring, supervisor)
    with supervised(supervisor):
        asyncio.run(trigger.on_kill())
    assert asked_to_end(manual_scoring) == (state == "failed")


def test_a_killed_trigger_is_not_cut_off(manual_scoring: Scoring):
    """Airflow cancels ``on_kill`` a second after it began, and again: the job is cancelled all the same."""
    supervisor = Hiccup(manual_scoring.connections, {})
    supervisor.task_states = {"run": {"score": "failed"}}
    trigger = killed_trigger(manual_scoring, supervisor)

    async def as_airflow_does() -> None:
        killing = asyncio.ensure_future(trigger.on_kill())
        for _ in range(3):
            await asyncio.sleep(0.3)
            killing.cancel()
        await killing

    with supervised(supervisor):
        asyncio.run(as_airflow_does())
    assert asked_to_end(manual_scoring)


def test_a_cancellation_outlives_a_hiccup_of_azure(manual_scoring: Scoring):
    """A cancellation that was refused in passing is asked for again."""
    supervisor = Supervisor(manual_scoring.connections, {})
    supervisor.task_states = {"run": {"score": "failed"}}
    trigger = killed_trigger(manual_scoring, supervisor)
    manual_scoring.emulator.control.add_fault(method="POST", path="/cancel$", status=503, times=1)
    with supervised(supervisor):
        asyncio.run(trigger.on_kill())
    assert asked_to_end(manual_scoring)


class Unreadable(Supervisor):
    """Does not give the first connections it is asked for."""

    failing = 2

    def _GetConnection(self, msg):  # noqa: N802 (named after the message)
        self.failing -= 1
        if self.failing >= 0:
            raise ConnectionError("the API server does not answer")
        return super()._GetConnection(msg)


def test_a_connection_that_cannot_be_read_decides_nothing(manual_scoring: Scoring):
    """Airflow does not give the connection to the trigger for a while: the wait goes on."""
    handle = start_job(manual_scoring)
    manual_scoring.emulator.control.set_state(handle["job_name"], "Completed")
    trigger = AzureMLBatchJobTrigger(
        azure_ml_conn_id="azure_ml_default", job=handle, poll_interval=1, first_wait=0.1
    )
    trigger.task_instance = SimpleNamespace(
        dag_id="a_dag", run_id="run", task_id="score", map_index=-1
    )
    supervisor = Unreadable(manual_scoring.connections, {})
    with supervised(supervisor):
        event = asyncio.run(first_event(trigger))
    assert supervisor.failing < 0
    assert event.payload["status"] == "ended"


def test_a_connection_that_cannot_be_read_loses_no_result(manual_scoring: Scoring):
    """Airflow says "not defined" for any trouble of its own: with a job under way, a retry mends it."""
    run_id, store = new_run(), {}
    operator = score(
        inputs={"heart": UriFolder(manual_scoring.upload())}, storage_conn_id=None, deferrable=True
    )
    supervisor = Supervisor(manual_scoring.connections, store)
    phase = {"run_id": run_id, "max_tries": 1, "supervisor": supervisor}
    assert run_task(operator, **phase).state == "deferred"
    (job,) = manual_scoring.emulator.control.jobs()
    manual_scoring.emulator.control.set_state(job["name"], "Completed")
    event = {"status": "ended", "job": supervisor.xcoms["azure_ml_job"] | {"status": "Completed"}}
    connections, supervisor.connections = supervisor.connections, {}
    resumed = {"next_method": "execute_complete", "next_kwargs": {"event": event}}
    done = run_task(operator, **phase, **resumed)
    assert (done.state, "not defined" in str(done.error)) == ("up_for_retry", True), done.text
    supervisor.connections = connections
    again = run_task(operator, **phase, try_number=2)
    assert again.state == "success", again.text
    assert again.result["job_name"] == job["name"]
    assert len(manual_scoring.emulator.control.jobs()) == 1


@pytest.mark.parametrize("on_timeout", ["cancel", "leave"])
@pytest.mark.parametrize("end", [None, "Completed"])
def test_airflows_own_timeout_is_the_net_behind_the_deadline(
    manual_scoring: Scoring, on_timeout: str, end: str | None
):
    """No triggerer told of the job: the task looks once more, and ends as the trigger would have it."""
    operator = score(
        inputs={"heart": UriFolder(manual_scoring.upload())},
        storage_conn_id=None,
        deferrable=True,
        on_timeout=on_timeout,
        execution_timeout=timedelta(seconds=30),
    )
    supervisor, run_id = Supervisor(manual_scoring.connections, {}), new_run()
    now = datetime.now(UTC)
    deferred = run_task(operator, supervisor=supervisor, run_id=run_id, start_date=now)
    assert deferred.state == "deferred", deferred.text
    net = deferred.message.trigger_timeout
    assert timedelta(minutes=5) < net <= timedelta(minutes=5, seconds=30)
    if end:
        manual_scoring.emulator.control.set_state(only_job(manual_scoring)["name"], end)
    done = run_task(
        operator,
        supervisor=supervisor,
        run_id=run_id,
        start_date=now,
        next_method="__fail__",
        next_kwargs={"error": "Trigger timeout"},
    )
    if end:
        assert done.state == "success", done.text
        return
    assert "was Preparing when execution_timeout (0:00:30) was about to pass" in str(done.error)
    assert asked_to_end(manual_scoring) == (on_timeout == "cancel")


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_refusal_amid_the_looks_may_pass(manual_scoring: Scoring, deferrable: bool):
    """A 403 while the job runs decides nothing: the wait goes on, and the job's end is reported."""
    control = manual_scoring.emulator.control
    control.add_fault(method="GET", path="/jobs/[^/]+$", status=403, skip=2, times=2)
    operator = score(
        inputs={"heart": UriFolder(manual_scoring.upload())},
        storage_conn_id=None,
        deferrable=deferrable,
    )

    def end() -> None:
        until(lambda: control.jobs() and not control.faults())
        control.set_state(only_job(manual_scoring)["name"], "Completed")

    with meanwhile(end):
        done = run_to_end(operator, connections=manual_scoring.connections, run_id=new_run())
    assert done.state == "success", done.text
    assert "403" in done.text


def test_refusals_that_last_end_the_wait_alike_in_both_modes(
    manual_scoring: Scoring, monkeypatch: pytest.MonkeyPatch
):
    """With the bound at two seconds: the task fails for good, and the job is left as it is."""
    monkeypatch.setattr(watch, "REFUSED_FOR", timedelta(seconds=2))
    said = []
    for deferrable in (False, True):
        manual_scoring.emulator.control.clear_faults()
        manual_scoring.emulator.control.add_fault(
            method="GET", path="/jobs/[^/]+$", status=404, skip=1, times=50
        )
        operator = score(
            inputs={"heart": UriFolder(manual_scoring.upload())},
            storage_conn_id=None,
            deferrable=deferrable,
        )
        connections = manual_scoring.connections
        done = run_to_end(operator, connections=connections, run_id=new_run(), max_tries=3)
        assert done.state == "failed", done.text
        job = manual_scoring.emulator.control.jobs()[-1]
        assert job["state"] == "Preparing"
        said.append(str(done.error).replace(job["name"], "JOB"))
    assert said[0] == said[1]
    assert "the job was left as it is" in said[0]


def test_a_result_that_is_not_usable_is_not_waited_for_again(manual_scoring: Scoring):
    """A job that completed without a result: the next try is another job at another path."""
    operator = score(inputs={"heart": UriFolder(manual_scoring.upload())}, retries=1)
    run_id, store = new_run(), {}

    def end(number: int) -> None:
        until(lambda: len(manual_scoring.emulator.control.jobs()) == number)
        job = manual_scoring.emulator.control.jobs()[-1]
        manual_scoring.emulator.control.set_state(job["name"], "Completed")

    for number in (1, 2):
        with meanwhile(functools.partial(end, number)):
            done = run_to_end(
                operator,
                connections=manual_scoring.connections,
                run_id=run_id,
                state_store=store,
                try_number=number,
                max_tries=1,
            )
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
