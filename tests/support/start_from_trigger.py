"""Begin a task in the triggerer as scheduler and triggerer do, with Airflow's own code for each step.

The DAG is serialized and read again, the trigger's arguments are encrypted and decrypted as in the
database, its task instance and context are made by `TriggerRunner`, its templates rendered by it.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from support.task_runner import Supervisor, captured_log, first_event, supervised

if TYPE_CHECKING:
    from airflow.sdk import DAG


class Begun(NamedTuple):
    """What the scheduler would resume the task with, and what the trigger logged."""

    next_method: str
    event: Any
    log: list[str]


def begin(dag: DAG, task_id: str, supervisor: Supervisor, **dates: datetime | None) -> Begun:
    """Defer a task that no worker has seen, and run its trigger to its event.

    :param dates: ``logical_date`` (its data interval begins there), or ``partition_date``.
    """
    from airflow.executors.workloads import TaskInstanceDTO
    from airflow.jobs.triggerer_job_runner import TriggerRunner
    from airflow.serialization.serialized_objects import DagSerialization

    encoded = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    task = DagSerialization.from_dict(encoded).get_task(task_id)
    assert task.start_from_trigger is True
    args = task.start_trigger_args
    trigger = from_database(args.trigger_cls, args.trigger_kwargs or {})
    trigger.timeout_after = datetime.now(UTC) + args.timeout
    ti = TaskInstanceDTO(
        id=uuid.uuid4(),
        task_id=task_id,
        dag_id=dag.dag_id,
        run_id="run-1",
        try_number=1,
        dag_version_id=uuid.uuid4(),
        pool_slots=1,
        priority_weight=1,
    )
    with supervised(supervisor), captured_log() as log:
        runtime = TriggerRunner.create_runtime_ti(ti, encoded, _run_data(dag.dag_id, **dates))
        context = runtime.get_template_context()
        trigger.task_instance = runtime
        trigger.render_template_fields(context=context)
        event = asyncio.run(asyncio.wait_for(first_event(trigger), 60))
    assert event is not None
    return Begun(args.next_method, event.payload, log)


def from_database(classpath: str, arguments: dict[str, Any]) -> Any:
    """Make a trigger of what Airflow's database keeps of it."""
    from airflow.models.trigger import Trigger
    from airflow.sdk.module_loading import import_string
    from airflow.serialization.decoders import smart_decode_trigger_kwargs

    row = Trigger(classpath=classpath, kwargs=arguments)
    stored = Trigger._decrypt_kwargs(row.encrypted_kwargs)
    kwargs = {name: smart_decode_trigger_kwargs(value) for name, value in stored.items()}
    return import_string(row.classpath)(**kwargs)


def _run_data(
    dag_id: str, logical_date: datetime | None = None, partition_date: datetime | None = None
) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "dag_id": dag_id,
        "run_id": "run-1",
        "logical_date": logical_date,
        "data_interval_start": logical_date,
        "data_interval_end": logical_date,
        "run_after": now,
        "start_date": now,
        "end_date": None,
        "run_type": "scheduled",
        "state": "running",
        "conf": {},
        "consumed_asset_events": [],
        "partition_key": None,
        "partition_date": partition_date,
    }
