"""One listing for all triggers that watch one tree, and what each of them was told.

Airflow starts and persists; see `airflow.triggers.shared_stream`, "ack mode". A round is one listing.
Each member derives its events from it and stages its cursor. Airflow acknowledges a round once every
event of it is in its database; only then are the staged cursors stored. So a death at any point loses
nothing: what was told and not yet stored is told again, with the same idempotency key.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

from airflow_provider_fabml.core.arrivals.events import pause
from airflow_provider_fabml.core.arrivals.wake import (
    NOTHING,
    WHOLE,
    is_foreign,
    wake_of_all,
    wake_of_ripe,
)
from airflow_provider_fabml.core.errors import TransientError
from airflow_provider_fabml.triggers.arrival_queue import ArrivalQueue, QueueKey
from airflow_provider_fabml.triggers.arrival_view import TreeView
from airflow_provider_fabml.triggers.standing import Standing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from airflow_provider_fabml.core.arrivals.event_grid import Arrived
    from airflow_provider_fabml.core.arrivals.survey import Survey, Watch
    from airflow_provider_fabml.core.arrivals.wake import Wake
    from airflow_provider_fabml.core.storage.location import Location
    from airflow_provider_fabml.triggers.arrival_member import Member

log = logging.getLogger(__name__)
# Triggers of one tree start within about a second of each other; the first waits for the others.
GATHER = 1.0
# A poller without members (all are just leaving) waits as long.
IDLE = 60.0
# However often something wakes a tree, it is being listed for a third of the time at most, unless
# that would put off what is told by more than these seconds.
SPACING, LONGEST_SPACE = 2.0, 10.0
# After a failure: 10 s, 20, 40 … 300, however long the interval is.
RETRY = 5.0


class TreeKey(NamedTuple):
    """Which tree: the connection, the path (a ``%%`` of it is a ``%``), and the queue that tells of it."""

    onelake_conn_id: str
    path: str
    queue: QueueKey | None = None


class Round(NamedTuple):
    """One look; `root` is the tree's place, and `survey` what is known of all of it."""

    number: int
    root: Location
    survey: Survey


class Tree:
    """Looks at a tree for its members, for ever: it reports errors, and never raises or returns.

    The whole tree is listed each interval, and when a member joins. In between, a folder is looked
    at when the queue tells of it, and when what was too young in it has become old enough.
    """

    def __init__(self, key: TreeKey) -> None:
        self.key = key
        self.members: set[Member] = set()
        self._view = TreeView(key.onelake_conn_id, key.path)
        self._queue = ArrivalQueue(key.queue) if key.queue else None
        self._standing = Standing(f"Arrivals in {key.path} cannot be seen")
        self._number = self._streams = 0
        self._wake: Wake = WHOLE
        self._whole_at = self._not_before = 0.0
        self._again = self._warned = False
        self._retry_after: float | None = None
        self._rung = asyncio.Event()

    def join(self, member: Member) -> None:
        """Take a member in; it is looked for soon, not an interval later."""
        self.members.add(member)
        self._wake = WHOLE
        self._not_before = max(self._not_before, time.monotonic() + GATHER)
        self._rung.set()

    def leave(self, member: Member) -> None:
        """Let a member go."""
        self.members.discard(member)

    async def rounds(self) -> AsyncGenerator[Round]:
        """Give one round after the other."""
        self._rung = asyncio.Event()
        self._wake = WHOLE
        self._streams += 1
        mine = self._streams
        await asyncio.sleep(GATHER)
        try:
            while True:
                again, self._again = self._again, False
                if await self._look() if self._wake else again:
                    yield self._round()
                await self._rest()
        finally:
            # A stream that began anew meanwhile goes on with these connections.
            if mine == self._streams:
                await self.close()

    def _round(self) -> Round:
        # Never the same twice: a stream that begins anew settles no older one's rounds.
        self._number += 1
        if self._queue is not None:
            self._queue.hand_over(self._number)
        root, survey = self._view.root, self._view.survey
        if root is None or survey is None:
            raise RuntimeError("A round comes after a look.")
        return Round(self._number, root, survey)

    async def _look(self) -> bool:
        """Look at what is wanted; whether that could be done. What could not is still wanted."""
        wake, watches = self._wake, self._watches()
        if not watches:
            return False
        self._wake, began = NOTHING, time.monotonic()
        try:
            await self._view.look(wake, watches)
        except Exception as error:  # noqa: BLE001 - what leaves a watcher restarts it every 2 s
            self._wake = WHOLE
            self._standing.failed(error)
            self._retry_after = error.retry_after if isinstance(error, TransientError) else None
            await self._view.close()
            return False
        self._standing.succeeded(f"{self.key.path} can be listed again.")
        now = time.monotonic()
        space = min(SPACING * (now - began), LONGEST_SPACE)
        self._not_before = max(self._not_before, now + space)
        if wake.whole:
            self._whole_at = now + self._pause()
        return True

    def _watches(self) -> set[Watch]:
        return {member.watch for member in self.members}

    def _pause(self) -> float:
        """Give the seconds until the next look at everything."""
        interval = min((member.poll_interval for member in self.members), default=IDLE)
        jitter = random.random()  # noqa: S311 (spreads load, keeps no secret)
        failures = self._standing.failures
        if failures:
            interval = min(interval, RETRY)
        return pause(interval, failures=failures, jitter=jitter, retry_after=self._retry_after)

    async def _rest(self) -> None:
        """Wait until there is something to look at or to tell; a failure is slept out."""
        if self._standing.failures or not self.members:
            await self._doze(self._pause())
            return
        self._retry_after = None
        while not self._is_due(time.monotonic()):
            await self._doze(self._until_next(time.monotonic()))
            if self._queue is not None:
                await self._queue.receive(self._concerns)

    def _is_due(self, now: float) -> bool:
        if now >= self._whole_at:
            self._wake = WHOLE
            return True
        self._wake |= wake_of_ripe(self._view.ripe, now)
        return self._again or (bool(self._wake) and now >= self._not_before)

    def _until_next(self, now: float) -> float:
        instants = [self._not_before] if self._wake else [*self._view.ripe.values()]
        instants.append(self._whole_at)
        if self._queue is not None:
            each = (member.queue_interval for member in self.members)
            instants.append(now + min(each, default=IDLE))
        return min(instants) - now

    async def _doze(self, seconds: float) -> None:
        """Sleep until somebody rings."""
        self._rung.clear()
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._rung.wait()
        except TimeoutError:
            return

    def _concerns(self, events: tuple[Arrived, ...]) -> bool:
        """Take in what a message of the queue tells; whether there is anything to look at."""
        root = self._view.root
        if root is None:
            self._wake = WHOLE
            return True
        strange = next((one for one in events if is_foreign(one, root)), None)
        if strange is not None and not self._warned:
            self._warned = True
            log.warning(
                "Queue %s tells of %s/%s, and %s is in %s/%s: such messages are deleted. Remedy: let "
                "the queue's subscription name the tree's account and container.",
                self.key.queue and self.key.queue.name,
                strange.account,
                strange.container,
                self.key.path,
                root.account,
                root.container,
            )
        wake = wake_of_all(events, root, self._watches())
        self._wake |= wake
        return bool(wake)

    async def settle(self, number: int, *, stored: bool) -> None:
        """Store what was told in a round, or forget that it was told.

        Of a round that was not stored nobody knows whose events are missing, so every member tells
        again what it has told since its last stored cursor.
        """
        for member in list(self.members):
            if stored:
                await member.store(number)
            else:
                member.roll_back()
        behind = [member for member in self.members if number in member.untold]
        for member in behind:
            member.untold.discard(number)
        if self._queue is not None:
            await self._queue.settle(number, stored=stored and not behind, again=bool(behind))
        if behind:
            self._again = True
            self._rung.set()

    async def close(self) -> None:
        """Close the connections."""
        await self._view.close()
        if self._queue is not None:
            await self._queue.close()


_TREES: WeakValueDictionary[TreeKey, Tree] = WeakValueDictionary()


def tree_of(key: TreeKey) -> Tree:
    """Give the tree of a key, one in a process for as long as somebody holds it."""
    tree = _TREES.get(key)
    if tree is None:
        if key.queue is not None and any(other.queue == key.queue for other in _TREES):
            log.error(
                "Queue %s tells of %s and of another tree: each message reaches one of them, and the "
                "other waits for its interval. Give each tree a queue of its own.",
                key.queue.name,
                key.path,
            )
        tree = _TREES[key] = Tree(key)
    return tree
