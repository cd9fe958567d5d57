"""The job sensor as whole tasks, in each of its modes."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from support.scoring import Scoring, start_job
from support.task_runner import Supervisor, make_trigger, run_task, run_to_end, supervised

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.jobs import watch
from airflow_provider_fabml.sensors.azure_ml import AzureMLBatchJobSensor

pytestmark = pytest.mark.azurite
MODES = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}


class Sensor(AzureMLBatchJobSensor):
    """The sensor with a trigger that looks at once: no scheduler to race here."""

    first_wait = 0.05


def sensor(job, mode: str, **changes):
    """A new sensor in a mode."""
    keywords = {"task_id": "scored", "job": job, "poke_interval": 0.3, **MODES[mode]}
    return Sensor(**{**keywords, **changes})


@pytest.mark.parametrize("mode", MODES)
def test_a_handle_is_waited_for_and_its_output_checked(slow_scoring: Scoring, mode: str):
    """Each mode returns the completed handle with what storage says of the output."""
    handle = start_job(slow_scoring)
    done = run_to_end(
        sensor(handle, mode, storage_conn_id="onelake_default"),
        connections=slow_scoring.connections,
    )
    assert done.state == "success", done.text
    assert done.result["job_name"] == handle["job_name"]
    assert done.result["status"] == "Completed"
    assert done.result["checked_outputs"]["score"]["rows"] == 9


def test_every_mode_gives_the_same_result(slow_scoring: Scoring):
    """Poke, reschedule and deferrable return equal XComs for one job."""
    handle = start_job(slow_scoring)
    results = [
        run_to_end(sensor(handle, mode), connections=slow_scoring.connections).result
        for mode in MODES
    ]
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("mode", MODES)
def test_a_bare_name_is_enough(slow_scoring: Scoring, mode: str):
    """A job's name alone: status, endpoint and studio link come from the service."""
    handle = start_job(slow_scoring)
    done = run_to_end(sensor(handle["job_name"], mode), connections=slow_scoring.connections)
    assert done.state == "success", done.text
    assert done.result["endpoint_name"] == "heart-classifier"
    assert done.xcoms["azure_ml_job"]["studio_url"] == handle["studio_url"]


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_timeout_says_the_last_known_state(manual_scoring: Scoring, mode: str, soft_fail: bool):
    """A timeout reads alike in every mode, and ``soft_fail`` skips in every mode."""
    handle = start_job(manual_scoring)
    done = run_to_end(
        sensor(handle, mode, timeout=1, soft_fail=soft_fail),
        connections=manual_scoring.connections,
    )
    assert done.state == ("skipped" if soft_fail else "failed"), done.text
    said = str(done.error) if done.error else done.text
    assert f"job {handle['job_name']} has not ended after 1 s" in said
    assert "Preparing" in said
    assert manual_scoring.emulator.control.job(handle["job_name"])["state"] == "Preparing"


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("end", [None, "Completed", "Failed"])
def test_the_frameworks_timeout_is_a_last_look(
    manual_scoring: Scoring, soft_fail: bool, end: str | None
):
    """No triggerer reported in time: the sensor looks once, and ends as in every mode."""
    handle = start_job(manual_scoring)
    waiting = sensor(handle, "deferrable", timeout=60, soft_fail=soft_fail)
    supervisor = Supervisor(manual_scoring.connections, {})
    deferred = run_task(waiting, supervisor=supervisor)
    assert deferred.state == "deferred", deferred.text
    assert deferred.message.trigger_timeout > timedelta(seconds=60)
    if end:
        manual_scoring.emulator.control.set_state(handle["job_name"], end)
    failing = {"next_method": "__fail__", "next_kwargs": {"error": "Trigger timeout"}}
    done = run_task(waiting, supervisor=supervisor, max_tries=3, **failing)
    if end == "Completed":
        assert done.state == "success", done.text
        return
    assert done.state == ("skipped" if soft_fail else "failed"), done.text
    wanted = "ended Failed" if end else "has not ended after 60 s: the job is Preparing"
    assert wanted in (str(done.error) if done.error else done.text)


@pytest.mark.parametrize(
    "states", [{"manual__1": {"scored": "failed"}}, {"manual__1": {"scored": None}}, {}]
)
def test_a_sensor_never_cancels_somebody_elses_job(manual_scoring: Scoring, states: dict):
    """Marked failed, cleared, or its run deleted while it was deferred: the job goes on."""
    handle = start_job(manual_scoring)
    supervisor = Supervisor(manual_scoring.connections, {})
    deferred = run_task(sensor(handle, "deferrable", timeout=60), supervisor=supervisor)
    trigger = make_trigger(deferred.message)
    trigger.task_instance = SimpleNamespace(
        dag_id="a_dag", run_id="manual__1", task_id="scored", map_index=-1
    )
    supervisor.task_states = states
    with supervised(supervisor):
        asyncio.run(trigger.on_kill())
    assert manual_scoring.emulator.control.job(handle["job_name"])["state"] == "Preparing"


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_job_that_failed_fails_at_once(manual_scoring: Scoring, mode: str, soft_fail: bool):
    """Retries cannot help a job that failed; the reason is the same in every mode."""
    handle = start_job(manual_scoring)
    manual_scoring.emulator.control.set_state(
        handle["job_name"], "Failed", "the node was pre-empted"
    )
    done = run_to_end(
        sensor(handle, mode, soft_fail=soft_fail),
        connections=manual_scoring.connections,
        max_tries=3,
    )
    assert done.state == ("skipped" if soft_fail else "failed"), done.text
    said = str(done.error) if done.error else done.text
    assert "ended Failed" in said
    assert "pre-empted" in said


@pytest.mark.parametrize("mode", MODES)
def test_a_job_that_does_not_exist_fails_at_once(scoring: Scoring, mode: str):
    """404 is permanent: one clear error, in every mode."""
    done = run_to_end(sensor(str(uuid.uuid4()), mode), connections=scoring.connections, max_tries=3)
    assert done.state == "failed"
    assert "HTTP 404" in str(done.error)


@pytest.mark.parametrize("mode", MODES)
def test_a_first_refusal_of_a_job_with_a_handle_may_pass(slow_scoring: Scoring, mode: str):
    """The handle says that the job was started: a 404 right after is a list behind its time."""
    handle = start_job(slow_scoring)
    control = slow_scoring.emulator.control
    control.add_fault(path=handle["job_name"], method="GET", status=404, times=2)
    done = run_to_end(sensor(handle, mode), connections=slow_scoring.connections)
    assert control.faults() == []
    assert done.state == "success", done.text


@pytest.mark.parametrize("mode", MODES)
def test_a_service_that_is_down_for_a_while_is_waited_out(slow_scoring: Scoring, mode: str):
    """Errors of a look never decide about the job."""
    handle = start_job(slow_scoring)
    slow_scoring.emulator.control.add_fault(
        path=handle["job_name"], method="GET", status=503, retry_after="0", times=6
    )
    done = run_to_end(sensor(handle, mode), connections=slow_scoring.connections)
    slow_scoring.emulator.control.clear_faults()
    assert done.state == "success", done.text


@pytest.mark.parametrize("mode", MODES)
def test_a_refusal_amid_the_looks_may_pass(slow_scoring: Scoring, mode: str):
    """A 403 after the job was seen decides nothing, in every mode."""
    handle = start_job(slow_scoring)
    control = slow_scoring.emulator.control
    control.add_fault(path=handle["job_name"], method="GET", status=403, skip=1, times=2)
    done = run_to_end(sensor(handle, mode), connections=slow_scoring.connections)
    assert control.faults() == []
    assert done.state == "success", done.text


@pytest.mark.parametrize("mode", MODES)
def test_refusals_that_last_end_the_wait(
    manual_scoring: Scoring, mode: str, monkeypatch: pytest.MonkeyPatch
):
    """With the bound at two seconds: the sensor fails for good, in every mode with the same words."""
    monkeypatch.setattr(watch, "REFUSED_FOR", timedelta(seconds=2))
    handle = start_job(manual_scoring)
    control = manual_scoring.emulator.control
    control.add_fault(path=handle["job_name"], method="GET", status=403, skip=1, times=99)
    done = run_to_end(sensor(handle, mode), connections=manual_scoring.connections, max_tries=3)
    assert done.state == "failed", done.text
    assert "HTTP 403" in str(done.error)
    assert "the job was left as it is" in str(done.error)


def test_what_cannot_name_a_job_is_refused_when_the_dag_is_read():
    """An empty name is refused at construction; a template is left alone."""
    with pytest.raises(UsageError) as refused:
        AzureMLBatchJobSensor(task_id="scored", job="")
    assert refused.value.rule == "job-missing"
    AzureMLBatchJobSensor(task_id="scored", job="{{ ti.xcom_pull('score')['job_name'] }}")


def test_a_handle_turned_into_text_is_refused_with_the_way_out(scoring: Scoring):
    """Jinja renders a dictionary as Python text: the remedy names ``score.output``."""
    done = run_to_end(
        sensor("{{ params.job }}", "poke", params={"job": {"job_name": "x"}}),
        connections=scoring.connections,
    )
    assert done.state == "failed"
    assert "score.output" in str(done.error)
