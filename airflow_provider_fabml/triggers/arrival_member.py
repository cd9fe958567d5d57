"""One trigger among those that watch a tree: what it has told, and what of that is stored."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.arrivals.cursor import (
    AT_ONCE,
    NOTHING,
    Cursor,
    Step,
    agreed,
    read_cursor,
    step,
)
from airflow_provider_fabml.core.arrivals.events import facts, tail_facts
from airflow_provider_fabml.core.arrivals.queue_options import QUEUE_INTERVAL
from airflow_provider_fabml.core.arrivals.survey import incomplete
from airflow_provider_fabml.core.arrivals.watch_options import NOW
from airflow_provider_fabml.core.storage.landing import same_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_fabml.core.arrivals.survey import Partition, Watch
    from airflow_provider_fabml.hooks.asset_memory import AssetMemory
    from airflow_provider_fabml.triggers.arrival_tree import Round

log = logging.getLogger(__name__)
# Seconds after which a cursor that could not be read is asked for again.
RECALL = 5.0


class Member:
    """Tells what is news in each round, and stores a cursor once Airflow has stored the events.

    `untold` are the rounds of which it had more to tell than it could.

    :param watch: what is looked for.
    :param memory: beside the assets that the events go to.
    :param poll_interval: seconds between two looks; the shortest of a tree's members holds.
    :param queue_interval: seconds between two requests to a queue; the shortest holds, too.
    :param start: whether the first look ever tells what is there.
    """

    def __init__(
        self,
        watch: Watch,
        memory: AssetMemory,
        *,
        poll_interval: float,
        start: str,
        queue_interval: float = QUEUE_INTERVAL,
    ) -> None:
        self.watch, self.poll_interval = watch, poll_interval
        self.queue_interval = queue_interval
        self.untold: set[int] = set()
        self._memory, self._start = memory, start
        self._told: Cursor | None = None
        self._stored: Cursor | None = None
        self._first: Cursor | None = None
        self._staged: dict[int, Cursor] = {}
        self._lives = 0
        self._said: str | None = None

    async def recall(self, number: int) -> bool:
        """Read the stored cursor, unless it is known; whether it is known now, or a round is untold."""
        if self._told is not None:
            return True
        try:
            values = await self._memory.arecall()
        except Exception as error:  # noqa: BLE001 - what leaves a watcher restarts it every 2 s
            log.warning("The cursor cannot be read (%r); it is tried again.", error)
            self.untold.add(number)
            await asyncio.sleep(RECALL)
            return False
        self._stored = agreed([read_cursor(value) for value in values], self.watch.template.order)
        if self._stored is None and any(value is not None for value in values):
            log.warning("No common cursor is stored for all assets: all is told again.")
        return True

    def news(self, found: Round) -> Iterator[dict[str, Any]]:
        """Give the events of a round; it counts as told once all of them were taken.

        While those of an earlier round are on their way, nothing is told: it is `untold`.
        """
        partitions = found.survey.found.get(self.watch)
        if partitions is None:
            return
        self._explain(partitions)
        if self._staged:
            self.untold.add(found.number)
            return
        life = self._lives
        ready = found.survey.ready(self.watch)
        told = self._told or self._stored or self._first
        silent = told is None and self._start == NOW
        at_once = len(ready) if silent else AT_ONCE
        seen = step(told or NOTHING, ready, self.watch.template.order, at_once=at_once)
        if silent:
            self._first = seen.cursor
        else:
            yield from _events(found, seen)
        # Rolled back while Airflow took the events: what they were news to is no longer told.
        if life != self._lives:
            return
        self._told = seen.cursor
        if seen.more:
            self.untold.add(found.number)
        if self._told != self._stored:
            self._staged[found.number] = self._told

    async def store(self, number: int) -> None:
        """Store what was told up to a round; what cannot be stored now is with a later round."""
        cursor = self._staged.pop(number, None)
        if cursor is None:
            return
        try:
            await self._memory.akeep(cursor.to_json())
        except Exception as error:  # noqa: BLE001 - raising would end the stream of all members
            log.warning("The cursor cannot be stored (%r); the next look tries again.", error)
        else:
            self._stored = cursor

    def roll_back(self) -> None:
        """Forget what was told and not stored: it will be told again."""
        self._staged.clear()
        self._told = None
        self._lives += 1

    def _explain(self, partitions: Mapping[str, Partition]) -> None:
        """Say of the newest partitions that are not complete why, when that changes."""
        why = incomplete(partitions, self.watch.template.order)
        if why and not same_reason(why, self._said):
            log.info("%s", why)
        self._said = why


def _events(found: Round, seen: Step) -> Iterator[dict[str, Any]]:
    for partition in seen.arrivals:
        yield facts(found.root, partition)
    if seen.tail is not None:
        yield tail_facts(found.root, seen.tail)
