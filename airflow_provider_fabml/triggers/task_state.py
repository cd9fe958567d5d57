"""What Airflow says of a task while its trigger runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from airflow_provider_fabml.core.jobs.job import JOB_XCOM_KEY

if TYPE_CHECKING:
    from airflow.sdk.types import RuntimeTaskInstanceProtocol


async def still_deferred_on(task_instance: Any, job_name: str) -> bool:
    """Whether the task is deferred and its newest job is ``job_name``.

    A cleared task that already deferred on its next job is deferred too, hence the second half.
    """
    state = await sync_to_async(_state)(task_instance)
    if state != "deferred":
        return False
    job = await sync_to_async(_job)(task_instance)
    return isinstance(job, dict) and job.get("job_name") == job_name


def _state(ti: RuntimeTaskInstanceProtocol) -> str | None:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    key = ti.task_id if ti.map_index in (None, -1) else f"{ti.task_id}_{ti.map_index}"
    return (states.get(ti.run_id) or {}).get(key)


def _job(ti: RuntimeTaskInstanceProtocol) -> Any:
    from airflow.sdk.execution_time.xcom import XCom

    return XCom.get_one(
        key=JOB_XCOM_KEY,
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=ti.map_index,
    )
