"""Waits in the triggerer for data to land."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_fabml.core.errors import PermanentError, TransientError, UsageError
from airflow_provider_fabml.core.jobs.polling import TRIGGER_FLOOR
from airflow_provider_fabml.core.storage.landing import landing, pause, same_reason
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.readiness import Rules
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient


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
    """

    def __init__(
        self,
        *,
        onelake_conn_id: str,
        location: dict[str, Any],
        rules: dict[str, Any],
        deadline: str,
        poke_interval: float = 60.0,
        jitter: float = 0.5,
        first_wait: float = TRIGGER_FLOOR,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.onelake_conn_id = onelake_conn_id
        self.location = location
        self.rules = rules
        self.deadline = deadline
        self.poke_interval = poke_interval
        self.jitter = jitter
        self.first_wait = first_wait

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
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        try:
            async with await OneLakeStorageHook(self.onelake_conn_id).aget_client() as client:
                event = await self._wait(client)
        except (PermanentError, UsageError) as error:
            event = {"status": "error", "message": str(error)}
        yield TriggerEvent(event)

    async def _wait(self, client: AsyncStorageClient) -> dict[str, Any]:
        await asyncio.sleep(self.first_wait)
        reason: str | None = None
        while True:
            left = self._left()
            event, why, retry_after = await self._look(client)
            if event is not None:
                return event
            if not same_reason(why, reason):
                self.log.info("Not ready: %s", why)
            reason = why
            if left <= 0:
                return {"status": "timeout", "message": reason}
            left = self._left()
            await asyncio.sleep(
                pause(self.poke_interval, jitter=self.jitter, left=left, retry_after=retry_after)
            )

    def _left(self) -> float:
        return (datetime.fromisoformat(self.deadline) - datetime.now(UTC)).total_seconds()

    async def _look(
        self, client: AsyncStorageClient
    ) -> tuple[dict[str, Any] | None, str, float | None]:
        """Give the event if ready, else why not, and how long the service asked to wait."""
        location = Location.from_json(self.location)
        try:
            verdict = await client.probe(location, Rules.from_json(self.rules))
        except TransientError as error:
            return None, str(error), error.retry_after
        if verdict.ready:
            return {"status": "ready", "landing": landing(location, verdict)}, verdict.reason, None
        return None, verdict.reason, None
