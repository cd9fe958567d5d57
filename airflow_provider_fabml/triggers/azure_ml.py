"""Waits in the triggerer for a batch job to end."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_fabml.core.errors import FabmlError
from airflow_provider_fabml.core.jobs.ending import Wish
from airflow_provider_fabml.core.jobs.job import JobHandle
from airflow_provider_fabml.core.jobs.polling import TRIGGER_FLOOR, Pace
from airflow_provider_fabml.core.jobs.watch import (
    Ended,
    Look,
    NotSeen,
    OutOfTime,
    Refused,
    Seen,
    watch,
)
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.triggers import ending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_fabml.clients.batch_endpoint import AsyncBatchEndpointClient


class AzureMLBatchJobTrigger(BaseTrigger):
    """Fires when the job has ended, or at the deadline.

    The event is ``{"status": "ended" | "timeout" | "error", "job": <handle>, "message": <text>}``.

    :param azure_ml_conn_id: connection of type ``azure_ml``.
    :param job: the handle of the job as plain JSON.
    :param poll_interval: seconds between two looks at a job that has been running for a while.
    :param deadline: ISO 8601 instant (UTC) after which the trigger gives up waiting; None waits on.
    :param cancel_on_kill: cancel the job when a person ended the task while it was deferred.
    :param on_clear: ``cancel`` or ``leave`` the job when the task is cleared.
    :param on_timeout: ``cancel`` or ``leave`` the job at the deadline.
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
        on_clear: str = "cancel",
        on_timeout: str = "cancel",
        first_wait: float = TRIGGER_FLOOR,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.azure_ml_conn_id = azure_ml_conn_id
        self.job = job
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.cancel_on_kill = cancel_on_kill
        self.on_clear = on_clear
        self.on_timeout = on_timeout
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
                "on_clear": self.on_clear,
                "on_timeout": self.on_timeout,
                "first_wait": self.first_wait,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        if self._waiting().wish.may_cancel:
            await ending.wake_airflow(self.task_instance)
        async with AsyncExitStack() as stack:
            event = await self._wait(stack)
        if event["status"] == "timeout" and self.on_timeout == "cancel":
            await self._cancel_in_time()
        yield TriggerEvent(event)

    async def _wait(self, stack: AsyncExitStack) -> dict[str, Any]:
        handle = JobHandle.from_json(self.job)
        looker = _Looker(self.azure_ml_conn_id, stack)
        watching = watch(
            Pace(self.poll_interval, self.first_wait),
            deadline=self._deadline(),
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
                    answer = await looker.look(handle.job_name)
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
        waiting = self._waiting()
        if waiting.wish.may_cancel:
            await ending.to_its_end(ending.cancel_if_asked(waiting))

    async def _cancel_in_time(self) -> None:
        """Cancel at the deadline itself: the task may get a worker much later, and asks again then."""
        try:
            await ending.cancel(self._waiting())
        except FabmlError as error:
            self.log.warning("Not cancelled yet: %s", error)

    def _deadline(self) -> datetime | None:
        return datetime.fromisoformat(self.deadline) if self.deadline else None

    def _waiting(self) -> ending.Waiting:
        return ending.Waiting(
            task_instance=self.task_instance,
            azure_ml_conn_id=self.azure_ml_conn_id,
            job_name=JobHandle.from_json(self.job).job_name,
            deadline=self._deadline(),
            wish=Wish(self.cancel_on_kill, self.on_clear, self.on_timeout),
            log=self.log,
        )


class _Looker:
    """Looks at a job, through a client that is made by the first look that can.

    A connection that cannot be read just now is as little a word about the job as a failed look (D6).
    """

    def __init__(self, azure_ml_conn_id: str, stack: AsyncExitStack) -> None:
        self._azure_ml_conn_id, self._stack = azure_ml_conn_id, stack
        self._client: AsyncBatchEndpointClient | None = None

    async def look(self, job_name: str) -> Seen | NotSeen:
        """Ask once."""
        try:
            client = self._client or await self._connect()
            view = await client.get_job(job_name)
        except FabmlError as error:
            return NotSeen.because(error, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - a trigger that raises fails its task, whose job runs on
            what = f"connection {self._azure_ml_conn_id!r} could not be read: {error}"
            return NotSeen(what, datetime.now(UTC), refused=True)
        return Seen(view.status, datetime.now(UTC))

    async def _connect(self) -> AsyncBatchEndpointClient:
        client = await AzureMLBatchHook(self._azure_ml_conn_id).aget_client()
        self._client = await self._stack.enter_async_context(client)
        return self._client


def _event(handle: JobHandle, outcome: Ended | OutOfTime | Refused) -> dict[str, Any]:
    if isinstance(outcome, Ended):
        status, last, message = "ended", outcome.status, outcome.status
    elif isinstance(outcome, OutOfTime):
        status, last, message = "timeout", outcome.last, outcome.last
    else:
        status, last, message = "error", outcome.last, outcome.what
    return {"status": status, "job": handle._replace(status=last).to_json(), "message": message}
