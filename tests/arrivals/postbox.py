"""Puts Event Grid's messages into a storage queue as the network would: late, twice, or not."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from arrivals import messages
from azure.core.exceptions import AzureError

if TYPE_CHECKING:
    from arrivals.shapes import Step

    from airflow_provider_fabml.local.azurite import Azurite

QUEUE = "fabml-arrivals"


class Postbox(Protocol):
    """What the lander tells of each change."""

    counts: dict[str, int]

    def tell(self, step: Step, path: str, before: str) -> None:
        """Take a change."""

    def tick(self) -> None:
        """Send what is due."""


class NoPost:
    """Nobody is told: the watchers poll."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def tell(self, step: Step, path: str, before: str) -> None:
        """Forget it."""

    def tick(self) -> None:
        """Send nothing."""


class QueuePost:
    """Messages of each change go into the queue of a storage server, or are lost on the way.

    :param seed: decides what becomes of each.
    """

    def __init__(self, azurite: Azurite, container: str, seed: int) -> None:
        from azure.storage.queue import QueueClient

        self._queue = QueueClient.from_connection_string(
            azurite.connection_string, QUEUE, retry_total=0
        )
        self._queue.create_queue()
        self._account, self._container = azurite.account, container
        self._dice = random.Random(f"{seed} messages")  # noqa: S311 - must be repeatable
        self._waiting: list[tuple[float, int, str]] = []
        self._tally: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """What became of the changes."""
        return dict(self._tally)

    def tell(self, step: Step, path: str, before: str) -> None:
        """Decide what becomes of the message of a change."""
        now = datetime.now(UTC)
        names = {"account": self._account, "container": self._container}
        event = messages.event(step, path, before, at=now.isoformat(), **names)
        sent = messages.delivered(event, self._dice)
        readable = [each for each in sent if each.text != messages.RUBBISH]
        self._tally["changes"] += 1
        self._tally["lost"] += not readable
        self._tally["doubled"] += len(readable) > 1
        self._tally["poison"] += len(sent) - len(readable)
        for each in sent:
            self._tally["late"] += each.after > 0
            entry = (
                now.timestamp() + each.after,
                len(self._tally) + self._tally["sent"],
                each.text,
            )
            self._tally["sent"] += 1
            heapq.heappush(self._waiting, entry)

    def tick(self) -> None:
        """Send what is due; while storage is away, later."""
        now = datetime.now(UTC).timestamp()
        while self._waiting and self._waiting[0][0] <= now:
            try:
                self._queue.send_message(self._waiting[0][2])
            except AzureError:
                return
            heapq.heappop(self._waiting)
