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
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from airflow.triggers.shared_stream import SharedStreamProducer

from airflow_provider_fabml.core.arrivals.events import pause
from airflow_provider_fabml.core.errors import FabmlError, TransientError
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient
    from airflow_provider_fabml.core.arrivals.survey import Survey
    from airflow_provider_fabml.core.storage.location import Location
    from airflow_provider_fabml.triggers.arrival_member import Member

log = logging.getLogger(__name__)
# Triggers of one tree start within about a second of each other; the first waits for the others.
GATHER = 1.0
# A poller without members (all are just leaving) waits as long.
IDLE = 60.0


class TreeKey(NamedTuple):
    """Which tree: the connection and the path as it is written."""

    onelake_conn_id: str
    path: str


class Round(NamedTuple):
    """One listing; `root` is the tree's place."""

    number: int
    root: Location
    survey: Survey


class Tree:
    """Lists a tree for its members, for ever: it reports errors, and never raises or returns."""

    def __init__(self, key: TreeKey) -> None:
        self.key = key
        self.members: set[Member] = set()
        self._wanted = asyncio.Event()
        self._client: AsyncStorageClient | None = None
        self._root: Location | None = None
        self._number = self._failures = 0
        self._complaint: str | None = None

    def join(self, member: Member) -> None:
        """Take a member in; it is looked for soon, not an interval later."""
        self.members.add(member)
        self._wanted.set()

    def leave(self, member: Member) -> None:
        """Let a member go."""
        self.members.discard(member)

    async def rounds(self) -> AsyncIterator[Round]:
        """Give one round after the other."""
        self._wanted = asyncio.Event()
        await asyncio.sleep(GATHER)
        try:
            while True:
                self._wanted.clear()
                found, retry_after = await self._look()
                if found is not None:
                    # Never the same twice: a stream that begins anew settles no older one's rounds.
                    self._number += 1
                    yield Round(self._number, found[0], found[1])
                await self._rest(retry_after)
        finally:
            await self.close()

    async def _look(self) -> tuple[tuple[Location, Survey] | None, float | None]:
        """Give what one listing found, or nothing and how long the service asked to wait."""
        watches = {member.watch for member in self.members}
        if not watches:
            return None, None
        try:
            client, root = await self._connected()
            found = await client.survey(root, watches)
        except FabmlError as error:
            await self._failed(error)
            return None, error.retry_after if isinstance(error, TransientError) else None
        except Exception as error:  # noqa: BLE001 - what leaves a watcher restarts it every 2 s
            await self._failed(error)
            return None, None
        if self._failures:
            log.info("%s can be listed again.", root.url)
        self._failures, self._complaint = 0, None
        return (root, found), None

    async def _connected(self) -> tuple[AsyncStorageClient, Location]:
        """Read the connection anew after each failure: it may have been mended."""
        if self._client is None or self._root is None:
            hook = OneLakeStorageHook(self.key.onelake_conn_id)
            client = await hook.aget_client()
            self._root = await hook.aresolve(self.key.path)
            self._client = await client.__aenter__()
        return self._client, self._root

    async def _failed(self, error: Exception) -> None:
        """Say what is wrong once, with its remedy, until it changes."""
        self._failures += 1
        await self.close()
        complaint = str(error) if isinstance(error, FabmlError) else repr(error)
        if complaint != self._complaint:
            level = logging.WARNING if isinstance(error, TransientError) else logging.ERROR
            log.log(level, "Arrivals in %s cannot be seen: %s", self.key.path, complaint)
        self._complaint = complaint

    async def _rest(self, retry_after: float | None) -> None:
        """Sleep until the next look, or until somebody wants one; a failure is slept out."""
        interval = min((member.poll_interval for member in self.members), default=IDLE)
        jitter = random.random()  # noqa: S311 (spreads load, keeps no secret)
        seconds = pause(interval, failures=self._failures, jitter=jitter, retry_after=retry_after)
        if self._failures:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
                await asyncio.sleep(GATHER)
        except TimeoutError:
            return

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
        if any(member.behind for member in self.members):
            self._wanted.set()

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


_TREES: WeakValueDictionary[TreeKey, Tree] = WeakValueDictionary()


def tree_of(key: TreeKey) -> Tree:
    """Give the tree of a key, one in a process for as long as somebody holds it."""
    tree = _TREES.get(key)
    if tree is None:
        tree = _TREES[key] = Tree(key)
    return tree


class ArrivalProducer(SharedStreamProducer):
    """Airflow's view of a tree: rounds go out, and come back acknowledged.

    :param key: which tree.
    """

    def __init__(self, key: TreeKey) -> None:
        self._tree = tree_of(key)

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Give each round with its number."""
        async for found in self._tree.rounds():
            yield found, found.number

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Settle rounds in their order; called once all events of them are stored, or failed."""
        for item in batch:
            await self._tree.settle(item.broker_payload, stored=item.outcome.is_clean)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._tree.close()
