"""Waits in the triggerer for data to land."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_fabml.core.connections.connection_id import check_connection_id
from airflow_provider_fabml.core.errors import PermanentError, TransientError, UsageError
from airflow_provider_fabml.core.jobs.polling import TRIGGER_FLOOR
from airflow_provider_fabml.core.storage.landing import (
    VERDICT_XCOM_KEY,
    landing,
    may_be_waited_out,
    pause,
    same_reason,
    verdict_text,
)
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.rules import Rules
from airflow_provider_fabml.core.storage.waited_for import Plan
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient

# How long an event may wait for the verdict before it to be shown.
SHOWN_WITHIN = 60.0


class _Look(NamedTuple):
    """The event if the data is ready, else why it is not, and how long the service asked to wait."""

    event: dict[str, Any] | None
    reason: str
    retry_after: float | None = None


class OneLakeShortcutTrigger(BaseTrigger):
    """Fires once when the data has landed, at the deadline, or when waiting cannot help.

    The event is ``{"status": "ready", "landing": {...}}``, ``{"status": "timeout", "message": ...}``
    or ``{"status": "error", "message": ...}``.

    :param onelake_conn_id: connection of type ``onelake`` or ``wasb``.
    :param location: where to look, as `Location.to_json` gives it.
    :param rules: what must hold, as `Rules.to_json` gives it.
    :param deadline: ISO 8601 instant (UTC) of the last look; it survives restarts.
    :param poke_interval: seconds between two looks.
    :param jitter: in [0, 1), spreads many triggers over a tenth of the interval.
    :param first_wait: seconds before the first look (Airflow fails tasks whose deferral is very
        short); the worker looked just before.
    :param wait_for_access: wait where the container is missing or access is refused.
    """

    _plan: Plan | None = None
    _showing: asyncio.Task[None] | None = None

    def __init__(
        self,
        *,
        onelake_conn_id: str,
        location: dict[str, Any] | None = None,
        rules: dict[str, Any] | None = None,
        deadline: str = "",
        poke_interval: float = 60.0,
        jitter: float = 0.5,
        first_wait: float = TRIGGER_FLOOR,
        wait_for_access: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.onelake_conn_id = onelake_conn_id
        self.location = location or {}
        self.rules = rules or {}
        self.deadline = deadline
        self.poke_interval = poke_interval
        self.jitter = jitter
        self.first_wait = first_wait
        self.wait_for_access = wait_for_access

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and keywords, all plain JSON and without secrets."""
        return (
            "airflow_provider_fabml.triggers.onelake.OneLakeShortcutTrigger",
            {
                "onelake_conn_id": self.onelake_conn_id,
                "location": self.location,
                "rules": self.rules,
                "deadline": self.deadline,
                "poke_interval": self.poke_interval,
                "jitter": self.jitter,
                "first_wait": self.first_wait,
                "wait_for_access": self.wait_for_access,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        try:
            check_connection_id(self.onelake_conn_id, field="onelake_conn_id")
            hook = OneLakeStorageHook(self.onelake_conn_id)
            async with await hook.aget_client() as client:
                event = await self._wait(hook, client)
        except (PermanentError, UsageError) as error:
            event = {"status": "error", "message": str(error)}
        await self._shown()
        yield TriggerEvent(event)

    async def plan(self, hook: OneLakeStorageHook) -> Plan:
        """What this trigger waits for."""
        return Plan(Location.from_json(self.location), Rules.from_json(self.rules))

    def ends(self) -> datetime:
        """When it looks for the last time (UTC)."""
        return datetime.fromisoformat(self.deadline)

    async def _wait(self, hook: OneLakeStorageHook, client: AsyncStorageClient) -> dict[str, Any]:
        await asyncio.sleep(self.first_wait)
        deadline, reason = self.ends(), None
        while True:
            left = _seconds_until(deadline)
            look = await self._look(hook, client)
            if look.event is not None:
                return look.event
            if not same_reason(look.reason, reason):
                self.log.info("Not ready: %s", look.reason)
                self._showing = asyncio.create_task(self._show(look.reason, self._showing))
            reason = look.reason
            if left <= 0:
                return {"status": "timeout", "message": reason}
            left = _seconds_until(deadline)
            wait = look.retry_after
            await asyncio.sleep(
                pause(self.poke_interval, jitter=self.jitter, left=left, retry_after=wait)
            )

    async def _look(self, hook: OneLakeStorageHook, client: AsyncStorageClient) -> _Look:
        try:
            self._plan = plan = self._plan or await self.plan(hook)
            verdict = await client.probe(plan.location, plan.rules)
        except TransientError as error:
            return _Look(None, str(error), error.retry_after)
        except PermanentError as error:
            if not may_be_waited_out(error, asked=self.wait_for_access):
                raise
            return _Look(None, str(error))
        if verdict.ready:
            found = landing(plan.location, verdict)
            return _Look({"status": "ready", "landing": found}, verdict.reason)
        return _Look(None, verdict.reason)

    async def _show(self, reason: str, before: asyncio.Task[None] | None) -> None:
        """Put the verdict where the UI shows it while the task is deferred: into an XCom.

        Airflow's first answer in a triggerer takes up to half a minute, so that no look waits for it.
        """
        if self.task_instance is None:
            return
        try:
            if before is not None:
                await before
            await asyncio.to_thread(_push, self.task_instance, reason)
        except Exception as error:  # noqa: BLE001 - what is only shown must not end a wait
            self.log.debug("The verdict could not be shown: %s", type(error).__name__)

    async def _shown(self) -> None:
        """Let what is being shown be there before the worker shows the end."""
        if self._showing is not None:
            await asyncio.wait([self._showing], timeout=SHOWN_WITHIN)


def _seconds_until(deadline: datetime) -> float:
    return (deadline - datetime.now(UTC)).total_seconds()


def _push(ti: Any, reason: str) -> None:
    from airflow.sdk.execution_time.xcom import XCom

    XCom.set(
        key=VERDICT_XCOM_KEY,
        value=verdict_text(reason, datetime.now(UTC)),
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=ti.map_index,
    )
