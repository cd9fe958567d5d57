"""Tells Airflow which partitions have landed, or landed anew, in a tree."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_fabml.core.arrivals.queue_options import QUEUE_INTERVAL, check_queue
from airflow_provider_fabml.core.arrivals.watch_options import (
    EXISTING,
    check_rule_names,
    check_start,
    parse_watch,
    written_rules,
)
from airflow_provider_fabml.core.arrivals.written import check_written
from airflow_provider_fabml.core.connections.connection_id import check_connection_id
from airflow_provider_fabml.core.options import check_poll_interval
from airflow_provider_fabml.core.storage.dates import dated
from airflow_provider_fabml.hooks.asset_memory import AssetMemory, stores_of
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.triggers.arrival_member import Member
from airflow_provider_fabml.triggers.arrival_queue import QueueKey
from airflow_provider_fabml.triggers.arrival_stream import ArrivalProducer
from airflow_provider_fabml.triggers.arrival_tree import Tree, TreeKey, tree_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

    from airflow_provider_fabml.triggers.arrival_tree import Round

# An event is in Airflow's database 0.03 to 1 s after it was yielded (measured on 3.3.2).
SETTLED = 5.0


class OneLakeArrivalTrigger(BaseEventTrigger):
    """Watches a tree of partitions for an asset: one event for each that is complete or restated.

    For ``AssetWatcher(name=..., trigger=OneLakeArrivalTrigger(...))``. The payload has ``partition``
    (the key), ``location``, ``uri``, ``datastore_uri``, ``count``, ``bytes``, ``newest``, ``digest``
    and ``idempotency_key``, the same for the same data. An event comes at least once. Of a tree with
    more than 1,000 complete partitions those with the smallest keys are told together, with
    ``partition`` None and ``up_to``: something there changed. A partition that went is not told.

    Jinja is not rendered in a watcher. It never ends: what is refused (403, a missing container, a
    connection that is not there) is logged once with its remedy, and asked again ever more seldom, up
    to five minutes. Triggers with the same connection and path share one listing.

    :param path: the folder above the partitions, in any spelling that ``OneLakeShortcutSensor`` takes;
        a ``%`` of its own is ``%%``.
    :param partitions: the folders of the partitions below it: ``date=%Y-%m-%d``,
        ``year=%Y/month=%m/day=%d``, ``region={region}/date=%Y-%m-%d``, ``{key}``. The key is the date
        (``2026-01-31``), the names, or both joined by ``|``; `partition_folder` leads back.
    :param onelake_conn_id: connection of type ``onelake`` or ``wasb``.
    :param poll_interval: seconds between two looks; in a shared listing the shortest holds.
    :param start: ``existing``: the first look tells what is complete already; ``now``: it does not.

    :param storage_queue: an Azure Storage Queue that an Event Grid subscription fills with the storage
        events of this tree, and of no other: each message has the partition that it names looked at
        at once. It is deleted when Airflow has stored what the look found; one that nobody can read
        goes to ``<queue>-poison``. The interval's looks go on, so `poll_interval` may be long.
        Needs the extra ``queue``.
    :param queue_conn_id: connection of the account that has the queue; None: `onelake_conn_id`.
    :param queue_interval: seconds between two requests to the queue.

    All other keywords are rules that must hold for each partition, as with ``OneLakeShortcutSensor``:
    ``glob``, ``min_count``, ``min_bytes``, ``min_file_bytes``, ``marker``, ``quiet_for``,
    ``marker_last``, ``allow_empty_files``. A hidden name above the partitions belongs to none of them:
    Spark's ``_temporary`` beside ``date=…`` holds no partition back, one within it does.
    """

    def __init__(
        self,
        *,
        path: str,
        partitions: str,
        onelake_conn_id: str = OneLakeStorageHook.default_conn_name,
        poll_interval: float = 60.0,
        start: str = EXISTING,
        storage_queue: str | None = None,
        queue_conn_id: str | None = None,
        queue_interval: float = QUEUE_INTERVAL,
        **rules: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        own = inspect.signature(OneLakeArrivalTrigger).parameters
        check_rule_names(rules, of=type(self).__name__, beside=set(own) - {"rules"})
        check_written(onelake_conn_id, field="onelake_conn_id")
        check_connection_id(onelake_conn_id, field="onelake_conn_id")
        self.watch = parse_watch(path=path, partitions=partitions, rules=rules)
        check_poll_interval(poll_interval)
        check_start(start)
        check_queue(storage_queue, queue_conn_id, queue_interval)
        self.path = path.rstrip("/")
        self.onelake_conn_id = onelake_conn_id
        self.poll_interval = poll_interval
        self.start = start
        self.storage_queue, self.queue_conn_id = storage_queue, queue_conn_id
        self.queue_interval = queue_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and keywords, all plain JSON and without secrets."""
        return (
            "airflow_provider_fabml.triggers.arrival.OneLakeArrivalTrigger",
            {
                "path": self.path,
                "partitions": self.watch.template.text,
                "onelake_conn_id": self.onelake_conn_id,
                "poll_interval": self.poll_interval,
                "start": self.start,
                **self._queue_keywords(),
                **written_rules(self.watch.rules),
            },
        )

    def _queue_keywords(self) -> dict[str, Any]:
        """Nothing without a queue, so that a trigger without one is the same as ever."""
        if self.storage_queue is None:
            return {}
        return {
            "storage_queue": self.storage_queue,
            "queue_conn_id": self.queue_conn_id,
            "queue_interval": self.queue_interval,
        }

    @property
    def partition_folder(self) -> str:
        """The folder of a run's partition, below `path`: Jinja text for the scoring's ``inputs``.

        ``date={{ partition_key }}``, or of a key of several parts each where it belongs. A run without
        a partition fails. Keys that no router made are taken as they are.
        """
        return self.watch.template.jinja

    @property
    def tree_key(self) -> TreeKey:
        """Which tree is listed."""
        name = self.storage_queue
        queue = QueueKey(self.queue_conn_id or self.onelake_conn_id, name) if name else None
        return TreeKey(self.onelake_conn_id, dated(self.path, None, field="path"), queue)

    def shared_stream_key(self) -> Hashable:
        """One listing for all triggers of this connection and path."""
        return ("onelake-arrivals", *self.tree_key)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> ArrivalProducer:
        """Begin to list the tree of one of its triggers."""
        return ArrivalProducer(cls(**kwargs).tree_key)

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[Round]
    ) -> AsyncIterator[TriggerEvent]:
        """Yield this trigger's events of each round."""
        tree, member = tree_of(self.tree_key), self._member()
        tree.join(member)
        try:
            async for found in shared_stream:
                if await member.recall(found.number):
                    for event in member.news(found):
                        yield TriggerEvent(event)
        finally:
            tree.leave(member)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch alone, where Airflow shares no stream: a cursor is stored when events surely are."""
        tree, member = Tree(self.tree_key), self._member()
        tree.join(member)
        async for found in tree.rounds():
            if await member.recall(found.number):
                for event in member.news(found):
                    yield TriggerEvent(event)
                await asyncio.sleep(SETTLED)
                await tree.settle(found.number, stored=True)

    def state_name(self, kind: str) -> str:
        """The name of a value beside an asset: of another tree or other partitions it says nothing."""
        place = f"{self.onelake_conn_id}\0{self.path}\0{self.watch.template.text}"
        return f"fabml_{kind}_{hashlib.sha256(place.encode()).hexdigest()[:12]}"

    def _member(self) -> Member:
        memory = AssetMemory(stores_of(self.asset_state_store), self.state_name("arrivals"))
        return Member(
            self.watch,
            memory,
            poll_interval=self.poll_interval,
            start=self.start,
            queue_interval=self.queue_interval,
        )
