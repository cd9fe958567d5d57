"""What Airflow says of a task instance now, asked from a worker or a triggerer."""

from __future__ import annotations

from typing import Any

from airflow_provider_fabml.core.jobs.ending import CLEARED, GONE


def task_state(ti: Any) -> str:
    """The state of a task instance; ``CLEARED`` where it has none, ``GONE`` where its run was deleted.

    Asks the supervisor and waits for its answer: never call it in a signal handler, and in a
    triggerer only in a thread.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    of_run = states.get(ti.run_id) or {}
    key = ti.task_id if ti.map_index in (None, -1) else f"{ti.task_id}_{ti.map_index}"
    return str(of_run[key] or CLEARED) if key in of_run else GONE
