"""What a trigger does when its deferral is over: cancel the job if somebody asked (D7)."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.errors import FabmlError
from airflow_provider_fabml.core.jobs.ending import Fate, Wish, fate_in_triggerer
from airflow_provider_fabml.core.jobs.job import JOB_XCOM_KEY
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.hooks.task_state import task_state

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from airflow.sdk.types import RuntimeTaskInstanceProtocol

# Seconds between two tries to hear what Airflow has the task for, or to reach Azure ML.
PAUSES = (1, 2, 4, 8, 15, 30, 30, 30)
# A try that is on its way to a worker is asked for this often, this many seconds apart.
ASKS, BETWEEN_ASKS = 120, 5.0

# A set keeps what runs on from being collected.
_RUNNING: set[asyncio.Task[None]] = set()
# True once a process: its first question.
_FIRST = iter([True])


class Waiting(NamedTuple):
    """A deferred task's wait for its job, as the trigger knows it."""

    task_instance: Any
    azure_ml_conn_id: str
    job_name: str
    deadline: datetime | None
    wish: Wish
    log: Any


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await something, whoever cancels the waiting meanwhile.

    Airflow 3.3 cancels ``on_kill`` itself a second after it began, again each second, and closes the
    task's log once it has returned.
    """
    task = asyncio.ensure_future(work)
    _RUNNING.add(task)
    task.add_done_callback(_RUNNING.discard)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)


async def cancel_if_asked(waiting: Waiting) -> None:
    """Cancel the job if a person or a deadline ended the task; when Airflow does not say: leave it."""
    fate = await _fate(waiting)
    if fate is not Fate.CANCEL:
        waiting.log.info("Job %s is not cancelled: %s", waiting.job_name, fate.value)
        return
    for pause in (*PAUSES, None):
        try:
            await cancel(waiting)
            return
        except FabmlError as error:  # also a connection that cannot be read just now, and a refusal
            waiting.log.warning("Job %s could not be cancelled yet: %s", waiting.job_name, error)
        if pause is not None:
            await asyncio.sleep(pause)
    waiting.log.error("Job %s was not cancelled: look at it in the studio", waiting.job_name)


async def cancel(waiting: Waiting) -> None:
    """Ask for the job's cancellation."""
    async with await AzureMLBatchHook(waiting.azure_ml_conn_id).aget_client() as client:
        accepted = await client.cancel_job(waiting.job_name)
    came = "its cancellation was asked for" if accepted else "it ended meanwhile"
    waiting.log.info("Job %s: %s", waiting.job_name, came)


async def wake_airflow(task_instance: Any) -> None:
    """Ask for the task's state once a process, for nothing.

    The first question builds an API server inside the triggerer (Airflow 3.3: 5 s of CPU, over 20 s on
    a busy machine), during which a cancellation would wait.
    """
    if next(_FIRST, False):
        with contextlib.suppress(Exception):
            await _aside(task_state, task_instance)


async def _aside(question: Callable[[Any], Any], task_instance: Any) -> Any:
    """Ask Airflow without holding up the triggerer's loop; imported late, for a DAG file needs none."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(question)(task_instance)


async def _fate(waiting: Waiting) -> Fate:
    fate = Fate.ASK_AGAIN
    for number in range(ASKS):
        fate = await _ask(waiting)
        if fate is not Fate.ASK_AGAIN:
            return fate
        if number == 0:
            waiting.log.info("Job %s: %s; waiting for it", waiting.job_name, fate.value)
        await asyncio.sleep(BETWEEN_ASKS)
    return fate


async def _ask(waiting: Waiting) -> Fate:
    for pause in (*PAUSES, None):
        try:
            return await _ask_once(waiting)
        except Exception as error:  # noqa: BLE001 - not knowing must never cancel a job
            waiting.log.warning("Airflow does not say what became of the task: %s", error)
        if pause is not None:
            await asyncio.sleep(pause)
    return Fate.LEAVE


async def _ask_once(waiting: Waiting) -> Fate:
    state = await _aside(task_state, waiting.task_instance)
    newest = True
    if state == "deferred":
        shown = await _aside(_job, waiting.task_instance)
        newest = isinstance(shown, dict) and shown.get("job_name") == waiting.job_name
    late = waiting.deadline is not None and datetime.now(UTC) >= waiting.deadline
    return fate_in_triggerer(state, newest=newest, late=late, wish=waiting.wish)


def _job(ti: RuntimeTaskInstanceProtocol) -> Any:
    from airflow.sdk.execution_time.xcom import XCom

    return XCom.get_one(
        key=JOB_XCOM_KEY,
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=ti.map_index,
    )
