"""Waits in the triggerer for a batch job to end."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_fabml.core.errors import FabmlError, TransientError
from airflow_provider_fabml.core.jobs.job import JobHandle
from airflow_provider_fabml.core.jobs.polling import TRIGGER_FLOOR, Pace
from airflow_provider_fabml.core.jobs.watch import Ended, Look, NotSeen, OutOfTime, Seen, watch
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_fabml.clients.batch_endpoint import AsyncBatchEndpointClient

# Cancellations outlive the second Airflow 3.3 grants to `on_kill`; a set keeps them from being lost.
_CANCELLATIONS: set[asyncio.Task[None]] = set()


class AzureMLBatchJobTrigger(BaseTrigger):
    """Fires when the job has ended, or at the deadline.

    The event is ``{"status": "ended" | "timeout" | "error", "job": <handle>, "message": <text>}``.

    :param azure_ml_conn_id: connection of type ``azure_ml``.
    :param job: the handle of the job as plain JSON.
    :param poll_interval: seconds between two looks at a job that has been running for a while.
    :param deadline: ISO 8601 instant (UTC) after which the trigger gives up waiting; None waits on.
    :param cancel_on_kill: cancel the job when a person ended the task while it was deferred.
    :param first_wait: seconds before the first look (Airflow fails tasks whose deferral is very short).
    """

    def __init__(
        self,
        *,
        azure_ml_conn_id: str,
        job: dict[str, Any],
        poll_interval: float = 30.0,
        deadline: str | None = None,
        cancel_on_kill: bool = True,
        first_wait: float = TRIGGER_FLOOR,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.azure_ml_conn_id = azure_ml_conn_id
        self.job = job
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.cancel_on_kill = cancel_on_kill
        self.first_wait = first_wait

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and keywords, all plain JSON."""
        return (
            "airflow_provider_fabml.triggers.azure_ml.AzureMLBatchJobTrigger",
            {
                "azure_ml_conn_id": self.azure_ml_conn_id,
                "job": self.job,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "cancel_on_kill": self.cancel_on_kill,
                "first_wait": self.first_wait,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        try:
            async with await AzureMLBatchHook(self.azure_ml_conn_id).aget_client() as client:
                event = await self._wait(client)
        except FabmlError as error:
            event = {"status": "error", "job": self.job, "message": str(error)}
        yield TriggerEvent(event)

    async def _wait(self, client: AsyncBatchEndpointClient) -> dict[str, Any]:
        handle = JobHandle.from_json(self.job)
        watching = watch(
            Pace(self.poll_interval, self.first_wait),
            deadline=datetime.fromisoformat(self.deadline) if self.deadline else None,
            jitter=random.random,
            status=handle.status,
            first_wait=self.first_wait,
        )
        answer: Seen | NotSeen | None = None
        try:
            while True:
                step = watching.send(answer)
                answer = None
                if isinstance(step, Look):
                    answer = await _look(client, handle.job_name)
                else:
                    if step.note:
                        self.log.info("Job %s: %s", handle.job_name, step.note)
                    await asyncio.sleep(step.seconds)
        except StopIteration as stop:
            return _event(handle, stop.value)

    async def on_kill(self) -> None:
        """Cancel the job if a person ended the task; do nothing if the task still waits for it.

        Airflow 3.3 also calls this when a trigger moves to another triggerer, and cuts it off after a
        second: so the task's state is read again first, and the work is shielded (D7).
        """
        if not self.cancel_on_kill:
            return
        task = asyncio.ensure_future(self._cancel_unless_waiting())
        _CANCELLATIONS.add(task)
        task.add_done_callback(_CANCELLATIONS.discard)
        await asyncio.shield(task)

    async def _cancel_unless_waiting(self) -> None:
        from airflow_provider_fabml.triggers.task_state import still_deferred_on

        handle = JobHandle.from_json(self.job)
        if await still_deferred_on(self.task_instance, handle.job_name):
            self.log.info("The task still waits for job %s: not cancelled", handle.job_name)
            return
        async with await AzureMLBatchHook(self.azure_ml_conn_id).aget_client() as client:
            await client.cancel_job(handle.job_name)
        self.log.info("Asked to cancel job %s: its task was ended", handle.job_name)


async def _look(client: AsyncBatchEndpointClient, job_name: str) -> Seen | NotSeen:
    try:
        view = await client.get_job(job_name)
    except TransientError as error:
        return NotSeen(str(error), datetime.now(UTC), error.retry_after)
    return Seen(view.status, datetime.now(UTC))


def _event(handle: JobHandle, outcome: Ended | OutOfTime) -> dict[str, Any]:
    if isinstance(outcome, Ended):
        job = handle._replace(status=outcome.status).to_json()
        return {"status": "ended", "job": job, "message": outcome.status}
    job = handle._replace(status=outcome.last).to_json()
    return {"status": "timeout", "job": job, "message": outcome.last}
