"""Puts Event Grid's messages into a storage queue as the network would: late, twice, or not."""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

from arrivals import messages
from arrivals.trees import queue_of
from azure.core.exceptions import AzureError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arrivals.shapes import Step
    from azure.storage.queue import QueueClient

    from airflow_provider_fabml.local.azurite import Azurite

# Changes that a subscription to arrivals does not tell of.
UNTOLD = frozenset({"mkdir", "delete"})


class Postbox:
    """What the lander tells of each change; this one tells nobody, and the watchers poll."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def tell(self, step: Step, tree: str, path: str) -> None:
        """Take a change."""

    def tick(self) -> None:
        """Send what is due."""

    def left_over(self) -> int:
        """How many messages nobody has taken."""
        return 0


class QueuePost(Postbox):
    """Messages of each change go into the tree's queue of a storage server, or are lost on the way.

    :param seed: decides what becomes of each.
    """

    def __init__(self, azurite: Azurite, container: str, trees: Iterable[str], seed: int) -> None:
        super().__init__()
        self._queues = {tree: client_of(azurite, tree) for tree in trees}
        self._place = {"account": azurite.account, "container": container}
        self._dice = random.Random(f"{seed} messages")  # noqa: S311 - must be repeatable
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, str, str]] = []

    def tell(self, step: Step, tree: str, path: str) -> None:
        """Decide what becomes of the message of a change."""
        if step.verb in UNTOLD:
            return
        text = messages.text_of(step, path, dice=self._dice, **self._place)
        sent = messages.delivered(text, self._dice)
        readable = [each for each in sent if each.text != messages.RUBBISH]
        self.counts["changes"] += 1
        self.counts["lost"] += not readable
        self.counts["doubled"] += len(readable) > 1
        self.counts["poison"] += len(sent) - len(readable)
        self.counts["late"] += sum(each.after > 0 for each in sent)
        for each in sent:
            entry = (time.time() + each.after, next(self._numbers), tree, each.text)
            heapq.heappush(self._waiting, entry)

    def tick(self) -> None:
        """Send what is due; while storage is away, later."""
        while self._waiting and self._waiting[0][0] <= time.time():
            _, _, tree, text = self._waiting[0]
            try:
                self._queues[tree].send_message(text)
            except AzureError:
                return
            heapq.heappop(self._waiting)

    def left_over(self) -> int:
        """How many messages the queues still have."""
        found = [queue.get_queue_properties() for queue in self._queues.values()]
        return sum(int(each.approximate_message_count or 0) for each in found)


def client_of(azurite: Azurite, tree: str) -> QueueClient:
    """Make a tree's queue; give its client, which tries each request once."""
    from azure.storage.queue import QueueClient

    text = azurite.connection_string
    client = QueueClient.from_connection_string(text, queue_of(tree), retry_total=0)
    client.create_queue()
    return client
