"""A triggerer for event triggers: Airflow's own shared streams, over a database that is a list.

It follows `TriggerRunner.run_trigger` and its supervisor: an event is queued when it is yielded, stored
at the next sync, and confirmed to the stream at the one after. A kill stops every effect at once, and
what was not stored is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk import Asset
from airflow.sdk.execution_time import comms
from airflow.sdk.execution_time.context import AssetStateStoreAccessors
from airflow.triggers.shared_stream import SharedStreamManager
from support.task_runner import Supervisor, supervised

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from airflow.triggers.base import BaseEventTrigger
    from azure.storage.blob import ContainerClient

    from airflow_provider_fabml.local.azurite import Azurite

SYNC = 0.02


class AssetSupervisor(Supervisor):
    """The supervisor with asset states: ``{(asset, name): value}``, kept over lives."""

    def __init__(self, connections: Mapping[str, Any], states: dict[tuple[str, str], Any]) -> None:
        super().__init__(connections, {})
        self.states = states
        self.before_write: Callable[[str], bool] = lambda name: True

    def let_pass(self, ago: timedelta) -> None:
        """What routers emitted was emitted so long ago."""
        for state in self.states.values():
            for row in state["partitions"].values():
                if len(row) > 2:  # a finished one has no time
                    row[2] -= int(ago.total_seconds())

    def _GetAssetStateStoreByName(self, msg: Any) -> Any:  # noqa: N802 (named after the message)
        if (msg.name, msg.key) in self.states:
            return comms.AssetStateStoreResult(value=self.states[msg.name, msg.key])
        return comms.ErrorResponse(error=comms.ErrorType.ASSET_STORE_NOT_FOUND)

    def _SetAssetStateStoreByName(self, msg: Any) -> Any:  # noqa: N802
        if self.before_write(msg.name):
            self.states[msg.name, msg.key] = json.loads(json.dumps(msg.value))
        return comms.OKResponse(ok=True)


@dataclass
class Triggerer:
    """One or more lives of a triggerer; `stored` are the events of each asset, `states` theirs.

    :param connections: as with `run_task`.
    """

    connections: Mapping[str, Any]
    stored: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    states: dict[tuple[str, str], Any] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    ack_timeout: float = 30.0
    kill_at: int | None = None
    loses: Callable[[dict[str, Any]], bool] = lambda payload: False
    start: Callable[[tuple[str, ...], BaseEventTrigger], None] | None = None

    @property
    def killed(self) -> bool:
        """Whether no further effect takes place."""
        return self.kill_at is not None and len(self.effects) >= self.kill_at

    def keys(self, asset: str) -> list[str | None]:
        """The partitions that an asset was told of, in order."""
        return [payload["partition"] for payload in self.stored.get(asset, [])]

    def told(self) -> Counter[tuple[str, str]]:
        """How often each asset was told of each state of data."""
        return Counter(
            (asset, payload["idempotency_key"])
            for asset, payloads in self.stored.items()
            for payload in payloads
        )

    def _effect(self, name: str) -> bool:
        """Let an effect take place, unless the kill came before it."""
        if self.killed:
            return False
        self.effects.append(name)
        return True

    @contextlib.asynccontextmanager
    async def life(
        self, watchers: Mapping[tuple[str, ...], BaseEventTrigger]
    ) -> AsyncIterator[Triggerer]:
        """Run triggers, each for its assets, until the block ends."""
        supervisor = AssetSupervisor(self.connections, self.states)
        supervisor.before_write = lambda name: self._effect(f"cursor of {name}")
        manager = SharedStreamManager(
            max_subscriber_queue=64, ack_timeout=self.ack_timeout, log=structlog.get_logger()
        )
        queue: list[tuple[tuple[str, ...], Any, int | None]] = []

        def start(assets: tuple[str, ...], trigger: BaseEventTrigger) -> None:
            number = len(tasks)
            tasks.append(asyncio.create_task(self._watch(manager, number, assets, trigger, queue)))

        tasks = [asyncio.create_task(self._sync(manager, queue))]
        with supervised(supervisor):
            for assets, trigger in watchers.items():
                start(assets, trigger)
            self.start = start
            try:
                yield self
            finally:
                self.kill_at = self.kill_at if self.killed else len(self.effects)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await manager.stop_all()
                self.kill_at = None

    async def _watch(self, manager, number, assets, trigger, queue) -> None:
        """Run one trigger as `run_trigger` does, again after an error as the scheduler does."""
        while True:
            again = type(trigger)(**json.loads(json.dumps(trigger.serialize()[1])))
            again.asset_state_store = accessors(assets)
            key = again.shared_stream_key()
            stream = manager.subscribe(trigger_id=number, trigger=again, key=key)
            try:
                async for event in again.filter_shared_stream(stream):
                    json.dumps(event.payload)
                    seq = manager.bind_pending_event(trigger_id=number, key=key)
                    queue.append((assets, event.payload, seq))
                    self._effect("queued")
                    await asyncio.sleep(0)
            except Exception as error:  # noqa: BLE001 - as the triggerer does
                self.effects.append(f"restart: {error!r}")
            finally:
                await manager.unsubscribe(number, key)

    async def _sync(self, manager, queue) -> None:
        """Store what is queued, and confirm at the next sync what was stored at this one."""
        confirmed: list[int] = []
        while True:
            await asyncio.sleep(SYNC)
            manager.confirm_persisted(confirmed)
            confirmed = []
            while queue:
                assets, payload, seq = queue.pop(0)
                if self.loses(payload) or not self._effect("stored"):
                    continue
                for asset in assets:
                    self.stored.setdefault(asset, []).append(payload)
                confirmed += [] if seq is None else [seq]


def connection(azurite: Azurite) -> dict[str, dict[str, Any]]:
    """The connection of triggers and routers to a storage server; a test may change it."""
    fields = {"host": azurite.blob_url, "login": azurite.account, "password": azurite.key}
    return {"onelake_default": {"conn_type": "onelake", **fields}}


def land(container: ContainerClient, day: int, name: str = "a.csv", data: bytes = b"1,2\n") -> str:
    """Write a file of a day of January, and give its path."""
    path = f"daily/date=2026-01-{day:02d}/{name}"
    container.upload_blob(path, data, overwrite=True)
    return path


def accessors(assets: Iterable[str]) -> AssetStateStoreAccessors:
    """What the triggerer puts into an event trigger."""
    return AssetStateStoreAccessors(inlets=[Asset(name=name, uri=f"x://{name}") for name in assets])


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something to become true, with a bound."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited is not ours
            await asyncio.sleep(SYNC)
