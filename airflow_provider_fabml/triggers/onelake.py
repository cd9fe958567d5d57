"""Waits in the triggerer for data to land."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.triggers.base import BaseTrigger, TriggerEvent

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
from airflow_provider_fabml.core.storage.readiness import Rules
from airflow_provider_fabml.core.storage.readiness_rules import RULE_NAMES
from airflow_provider_fabml.core.storage.waited_for import waited_for
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient


class Plan(NamedTuple):
    """Where to look, for what, and until when (UTC)."""

    location: Location
    rules: Rules
    deadline: datetime


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
        hook = OneLakeStorageHook(self.onelake_conn_id)
        try:
            plan = await self.plan(hook)
            async with await hook.aget_client() as client:
                event = await self._wait(client, plan)
        except (PermanentError, UsageError) as error:
            event = {"status": "error", "message": str(error)}
        yield TriggerEvent(event)

    async def plan(self, hook: OneLakeStorageHook) -> Plan:
        """What this trigger waits for."""
        deadline = datetime.fromisoformat(self.deadline)
        return Plan(Location.from_json(self.location), Rules.from_json(self.rules), deadline)

    async def _wait(self, client: AsyncStorageClient, plan: Plan) -> dict[str, Any]:
        await asyncio.sleep(self.first_wait)
        reason: str | None = None
        while True:
            left = _seconds_until(plan.deadline)
            look = await self._look(client, plan)
            if look.event is not None:
                return look.event
            if not same_reason(look.reason, reason):
                self.log.info("Not ready: %s", look.reason)
                await self._show(look.reason)
            reason = look.reason
            if left <= 0:
                return {"status": "timeout", "message": reason}
            left = _seconds_until(plan.deadline)
            wait = look.retry_after
            await asyncio.sleep(
                pause(self.poke_interval, jitter=self.jitter, left=left, retry_after=wait)
            )

    async def _look(self, client: AsyncStorageClient, plan: Plan) -> _Look:
        try:
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

    async def _show(self, reason: str) -> None:
        """Put the verdict where the UI shows it while the task is deferred: into an XCom."""
        if self.task_instance is None:
            return
        try:
            await asyncio.to_thread(_push, self.task_instance, reason)
        except Exception as error:  # noqa: BLE001 - what is only shown must not end a wait
            self.log.debug("The verdict could not be shown: %s", type(error).__name__)


class OneLakeShortcutStartTrigger(OneLakeShortcutTrigger):
    """The same for a task that no worker has begun (``start_from_trigger``).

    Airflow renders its templates in the triggerer; path, rules and dates are read here.

    :param onelake_conn_id: connection of type ``onelake`` or ``wasb``.
    :param path: where to look, as the sensor takes it; rendered by Airflow.
    :param timeout: seconds until the last look, from the start of the task's try.
    :param grace: seconds by which Airflow's own timeout lies behind that.
    :param poke_interval: seconds between two looks.
    :param jitter: in [0, 1), spreads many triggers over a tenth of the interval.
    :param wait_for_access: wait where the container is missing or access is refused.
    :param rule_values: the rules, as the sensor takes them.
    """

    timeout_after: datetime | None = None  # set by the triggerer: Airflow's own timeout

    def __init__(
        self,
        *,
        onelake_conn_id: str,
        path: str,
        timeout: float,
        grace: float = 0.0,
        poke_interval: float = 60.0,
        jitter: float = 0.5,
        wait_for_access: bool = False,
        **rule_values: Any,
    ) -> None:
        super().__init__(
            onelake_conn_id=onelake_conn_id,
            poke_interval=poke_interval,
            jitter=jitter,
            # No worker has looked, and no event of an executor can cross a short deferral (D5).
            first_wait=0.0,
            wait_for_access=wait_for_access,
        )
        self.path = path
        self.timeout = timeout
        self.grace = grace
        self._names = tuple(name for name in RULE_NAMES if name in rule_values)
        # One attribute a rule: Airflow renders a trigger's attributes by the sensor's field names.
        self.__dict__.update({name: rule_values[name] for name in self._names})

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and keywords, all plain JSON and without secrets."""
        return (
            "airflow_provider_fabml.triggers.onelake.OneLakeShortcutStartTrigger",
            {
                "onelake_conn_id": self.onelake_conn_id,
                "path": self.path,
                "timeout": self.timeout,
                "grace": self.grace,
                "poke_interval": self.poke_interval,
                "jitter": self.jitter,
                "wait_for_access": self.wait_for_access,
                **{name: getattr(self, name) for name in self._names},
            },
        )

    async def plan(self, hook: OneLakeStorageHook) -> Plan:
        """What was rendered, resolved with the connection."""
        context = self.task_instance.get_template_context() if self.task_instance else {}
        values = {name: getattr(self, name) for name in self._names}
        path, rules = waited_for(self.path, values, context)
        await hook.aget_settings()
        return Plan(hook.resolve(path), rules, self._deadline())

    def _deadline(self) -> datetime:
        """Airflow's own timeout is an instant in its database, so this survives restarts."""
        if self.timeout_after is None:
            return datetime.now(UTC) + timedelta(seconds=self.timeout)
        instant = self.timeout_after
        instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return instant - timedelta(seconds=self.grace)


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
