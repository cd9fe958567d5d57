"""What Airflow says of a task while its trigger runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from airflow_provider_fabml.core.jobs.job import JOB_XCOM_KEY
from airflow_provider_fabml.hooks.task_state import task_state

if TYPE_CHECKING:
    from airflow.sdk.types import RuntimeTaskInstanceProtocol


async def still_deferred_on(task_instance: Any, job_name: str) -> bool:
    """Whether the task is deferred and its newest job is ``job_name``.

    A cleared task that already deferred on its next job is deferred too, hence the second half.
    """
    state = await sync_to_async(task_state)(task_instance)
    if state != "deferred":
        return False
    job = await sync_to_async(_job)(task_instance)
    return isinstance(job, dict) and job.get("job_name") == job_name


def _job(ti: RuntimeTaskInstanceProtocol) -> Any:
    from airflow.sdk.execution_time.xcom import XCom

    return XCom.get_one(
        key=JOB_XCOM_KEY,
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=ti.map_index,
    )
