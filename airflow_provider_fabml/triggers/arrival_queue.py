"""The events of one queue for one tree: a message is deleted once the look it caused is settled."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from airflow.configuration import conf

from airflow_provider_fabml.clients.storage_queue import PAGE, AsyncQueueClient
from airflow_provider_fabml.core.arrivals.event_grid import (
    Arrived,
    UnreadableMessageError,
    parse_message,
)
from airflow_provider_fabml.core.arrivals.events import pause
from airflow_provider_fabml.core.connections.queue_place import queue_location
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.triggers.quiet_close import close_quietly
from airflow_provider_fabml.triggers.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.clients.storage_queue import Message

log = logging.getLogger(__name__)
# Azure Functions gives up a message after as many deliveries (maxDequeueCount).
DELIVERIES = 5
# Messages taken at once, so that a look is not put off for ever.
MOST = 10 * PAGE


class QueueKey(NamedTuple):
    """Which queue: the connection to its account, and its name."""

    conn_id: str
    name: str


class ArrivalQueue:
    """Reads events, and never raises: the interval's looks go on without it.

    Messages are *held* until a look at the tree was handed out as a round, and deleted when that
    round is stored; those of a round that failed are delivered again.
    """

    def __init__(self, key: QueueKey) -> None:
        self.key = key
        self._standing = Standing(f"Queue {key.name} cannot be read; arrivals come by polling")
        self._burial = Standing(f"Poison of queue {key.name} cannot be moved, and stays in it")
        self._client: AsyncQueueClient | None = None
        self._connecting = asyncio.Lock()
        self._held: dict[str, Message] = {}
        self._rounds: defaultdict[int, list[Message]] = defaultdict(list)
        self._not_before = 0.0

    async def receive(self, concerns: Callable[[tuple[Arrived, ...]], bool]) -> None:
        """Take what is there; `concerns` hears of the events of each message, and says if any matter.

        Messages without such an event are deleted, unreadable ones go to the poison queue.
        """
        if time.monotonic() < self._not_before:
            return
        try:
            await self._receive(concerns)
        except Exception as error:  # noqa: BLE001 - what leaves a watcher restarts it every 2 s
            self._standing.failed(error)
            wait = pause(1.0, failures=self._standing.failures, jitter=0.5)
            self._not_before = time.monotonic() + wait
            await self.close()
        else:
            self._standing.succeeded(f"Queue {self.key.name} can be read again.")

    async def _receive(self, concerns: Callable[[tuple[Arrived, ...]], bool]) -> None:
        client = await self._connected()
        taken = PAGE
        for _ in range(MOST // PAGE):
            if taken < PAGE:
                break
            messages = await client.receive(hidden_for=hidden_for())
            idle = [one for one in messages if not await self._sort(client, one, concerns)]
            await client.delete(idle)
            taken = len(messages)

    async def _sort(
        self,
        client: AsyncQueueClient,
        message: Message,
        concerns: Callable[[tuple[Arrived, ...]], bool],
    ) -> bool:
        """Hold or bury a message; False if nobody needs it."""
        try:
            events = parse_message(message.content)
        except UnreadableMessageError as error:
            # What is readable of it counts; if this process dies now, it is delivered again.
            concerns(error.arrived)
            await self._bury(client, message, str(error))
            return True
        matters = concerns(tuple(one for one in events if isinstance(one, Arrived)))
        why = f"it was delivered {message.deliveries} times"
        if matters and message.deliveries > DELIVERIES and await self._bury(client, message, why):
            return True
        if matters:
            self._held[message.id] = message
        return matters

    async def _bury(self, client: AsyncQueueClient, message: Message, why: str) -> bool:
        """Move a message to the poison queue, if that can be done; else it is delivered again."""
        try:
            await client.bury(message)
        except Exception as error:  # noqa: BLE001 - the other messages are not to wait for this one
            self._burial.failed(error)
            return False
        self._burial.succeeded(f"Poison of queue {self.key.name} can be moved again.")
        log.error("Message %s of queue %s is poison: %s", message.id, self.key.name, why)
        return True

    def hand_over(self, number: int) -> None:
        """The look of this round saw what the held messages told of."""
        self._rounds[number] += self._held.values()
        self._held.clear()

    async def settle(self, number: int, *, stored: bool, again: bool = False) -> None:
        """Delete the messages of a round that is stored; the others come again by themselves.

        :param again: what was seen is told in a later round, and the messages go with that one.
        """
        messages = self._rounds.pop(number, [])
        if again:
            self._held = {**{message.id: message for message in messages}, **self._held}
        if not stored or not messages:
            return
        try:
            await (await self._connected()).delete(messages)
        except Exception as error:  # noqa: BLE001 - they are delivered again, and looked at again
            log.warning("%d messages of %s stay for now: %r", len(messages), self.key.name, error)

    async def close(self) -> None:
        """Close the connections; that they cannot be closed ends no watcher."""
        client, self._client = self._client, None
        await close_quietly(client)

    async def _connected(self) -> AsyncQueueClient:
        """Read the connection anew after each failure: it may have been mended."""
        async with self._connecting:
            if self._client is None:
                settings = await OneLakeStorageHook(self.key.conn_id).aget_settings()
                place = queue_location(settings, self.key.name, connection=self.key.conn_id)
                self._client = await AsyncQueueClient(settings, place).__aenter__()
            return self._client


def hidden_for() -> int:
    """Seconds in which nobody else gets a received message: as long as Airflow may take to store."""
    return int(conf.getfloat("triggerer", "shared_stream_ack_timeout", fallback=300.0)) + 60
