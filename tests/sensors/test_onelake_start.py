"""The sensor that begins in the triggerer, through Airflow's own serialization and rendering."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout
from airflow.serialization.serialized_objects import DagSerialization
from support.onelake_sensor import QuickSensor
from support.start_from_trigger import Begun, begin
from support.task_runner import Supervisor, TaskOutcome, run_task

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor

pytestmark = pytest.mark.azurite
DAY = datetime(2026, 1, 5, tzinfo=UTC)


def waiting(path: str, **arguments) -> OneLakeShortcutSensor:
    """A sensor that needs no worker before the end, in a DAG of its own."""
    settings = {"poke_interval": 0.3, "timeout": 20, **arguments}
    with DAG("d", schedule=None, params={"kind": Param("csv", type="string")}):
        return QuickSensor(task_id="wait", path=path, start_from_trigger=True, **settings)


def begun(task: OneLakeShortcutSensor, connections: dict, **dates) -> tuple[Begun, Supervisor]:
    """What the triggerer makes of it."""
    supervisor = Supervisor(connections, {})
    return begin(task.dag, "wait", supervisor, **dates), supervisor


def resumed(task: OneLakeShortcutSensor, ends: Begun, supervisor: Supervisor) -> TaskOutcome:
    """The only phase that a worker runs."""
    return run_task(
        task,
        supervisor=supervisor,
        logical_date=DAY,
        next_method=ends.next_method,
        next_kwargs={"event": ends.event},
    )


def test_no_worker_is_needed_before_the_end(connections, container):
    """Templates, dates and rules reach the triggerer; what lands later is found; the UI sees why not."""
    container.upload_blob("datasets/2026/01/05/_SUCCESS", b"")
    container.upload_blob("datasets/2026/01/05/a.csv", b"12")
    task = waiting(
        "Files/datasets/%Y/%m/{{ '05' }}",
        glob="*.{{ params.kind }}",
        marker="_SUCCESS",
        min_count="{{ 1 + 1 }}",
        quiet_for=timedelta(0),
    )
    supervisor = Supervisor(connections, {})
    shown: list[str] = []

    def land_once_it_is_shown() -> None:
        ends = time.monotonic() + 30
        while "onelake_verdict" not in supervisor.xcoms and time.monotonic() < ends:
            time.sleep(0.05)
        shown.append(supervisor.xcoms["onelake_verdict"])
        container.upload_blob("datasets/2026/01/05/b.csv", b"3")
        container.upload_blob("datasets/2026/01/05/_SUCCESS", b"", overwrite=True)

    later = threading.Thread(target=land_once_it_is_shown)
    later.start()
    ends = begin(task.dag, "wait", supervisor, logical_date=DAY)
    later.join()
    outcome = resumed(task, ends, supervisor)

    assert ends.event["status"] == "ready", ends
    assert "UTC: 1 of 2 files, newest" in shown[0]
    assert any("Not ready: 1 of 2 files" in line for line in ends.log)
    assert (outcome.state, outcome.result["count"]) == ("success", 2)
    assert outcome.result["datastore_uri"].endswith("/paths/datasets/2026/01/05")
    assert "ready" in supervisor.xcoms["onelake_verdict"]


def test_a_partitioned_run_has_its_date(connections, container):
    """A run without a logical date takes its partition's."""
    container.upload_blob("datasets/date=2026-01-05/a.csv", b"1")

    ends, _ = begun(waiting("Files/datasets/date=%Y-%m-%d"), connections, partition_date=DAY)

    assert ends.event["landing"]["path"] == "datasets/date=2026-01-05"


def test_it_ends_as_the_other_modes_do(connections):
    """A timeout, a run without a date and a wrong rendered path end with the same errors."""
    late = waiting("Files/datasets/%Y", timeout=1)
    dateless, unmapped = waiting("Files/datasets/%Y"), waiting("Files/{{ 'elsewhere' }}/x")

    outcomes = []
    for task, dates in ((late, {"logical_date": DAY}), (dateless, {}), (unmapped, {})):
        ends, supervisor = begun(task, connections, **dates)
        outcomes.append(resumed(task, ends, supervisor))

    errors = [outcome.error for outcome in outcomes]
    assert [type(error) for error in errors] == [
        AirflowSensorTimeout,
        AirflowFailException,
        AirflowFailException,
    ]
    assert "Files/datasets/2026 is not ready after 1 s: no file in datasets/2026" in str(errors[0])
    assert "run_after" in str(errors[1])
    assert "no mapping row" in str(errors[2])


@pytest.mark.parametrize("rendered", ["my lake", "", "None or so"])
def test_a_connection_id_that_a_template_made_wrong_is_refused_in_our_words(rendered):
    """The triggerer asks nobody for a connection that cannot be."""
    task = waiting("Files/datasets/x", onelake_conn_id=f"{{{{ '{rendered}' }}}}")
    ends, supervisor = begun(task, {}, logical_date=DAY)
    outcome = resumed(task, ends, supervisor)

    assert type(outcome.error) is AirflowFailException
    assert f"onelake_conn_id = {rendered!r}: no connection can have this id" in str(outcome.error)
    assert "Remedy: write the id of a connection" in str(outcome.error)
    assert not any(type(one).__name__ == "GetConnection" for one in supervisor.sent)


@pytest.mark.parametrize(
    ("limit", "timeout", "grace"), [(None, 360, 300), (90, 90, 30), (30, 30, 0)]
)
def test_airflows_own_timeout_lies_behind_ours(limit, timeout, grace):
    """Unless ``execution_timeout``, which Airflow applies to such a task, is shorter."""
    span = None if limit is None else timedelta(seconds=limit)
    args = waiting("Files/x", timeout=60, execution_timeout=span).start_trigger_args

    assert args.timeout == timedelta(seconds=timeout)
    assert args.trigger_kwargs["grace"] == grace


def test_what_cannot_begin_without_a_worker_is_an_error_of_the_dag_file():
    """The output of another task, and a mode that holds a worker."""
    with DAG("d", schedule=None):
        first = QuickSensor(task_id="first", path="Files/x")
        with pytest.raises(UsageError, match="another task"):
            QuickSensor(task_id="a", path=first.output["path"], start_from_trigger=True)
        with pytest.raises(UsageError, match="worker"):
            QuickSensor(task_id="b", path="Files/x", start_from_trigger=True, deferrable=False)
    assert first.start_from_trigger is False


def test_a_mapped_task_begins_on_a_worker():
    """Airflow stores no arguments of a trigger for it, so its first look is a worker's."""
    with DAG("d", schedule=None) as dag:
        mapped = QuickSensor.partial(task_id="wait", start_from_trigger=True)
        mapped.expand(path=["Files/datasets/x", "Files/datasets/y"])

    task = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("wait")

    assert task.is_mapped
    assert task.start_trigger_args is None
