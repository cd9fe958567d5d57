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

from airflow_provider_fabml.core.connections.queue_fields import POISON

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

    def found(self) -> dict[str, int]:
        """The counts, and how many messages lie in the queues now."""
        return dict(self.counts)


class QueuePost(Postbox):
    """Messages of each change go into the tree's queue of a storage server, or are lost on the way.

    :param seed: decides what becomes of each.
    """

    def __init__(self, azurite: Azurite, container: str, trees: Iterable[str], seed: int) -> None:
        super().__init__()
        self._queues = {tree: client_of(azurite, queue_of(tree)) for tree in trees}
        # Made here too, so that it can be counted where nothing was ever put into it.
        self._poison = [client_of(azurite, queue_of(tree) + POISON) for tree in trees]
        self._newest = dict.fromkeys(self._queues, -1)
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
        self.counts["sent"] += len(sent)
        for each in sent:
            entry = (time.time() + each.after, next(self._numbers), tree, each.text)
            heapq.heappush(self._waiting, entry)

    def tick(self) -> None:
        """Send what is due; while storage is away, later."""
        while self._waiting and self._waiting[0][0] <= time.time():
            _, number, tree, text = self._waiting[0]
            try:
                self._queues[tree].send_message(text)
            except AzureError:
                return
            heapq.heappop(self._waiting)
            self.counts["overtaken"] += number < self._newest[tree]
            self._newest[tree] = max(number, self._newest[tree])

    def found(self) -> dict[str, int]:
        """The counts, what nobody has taken, and what lies in the queues of poison."""
        left, aside = _lie_in(self._queues.values()), _lie_in(self._poison)
        return {**self.counts, "left in the queues": left, "set aside as poison": aside}


def _lie_in(queues: Iterable[QueueClient]) -> int:
    found = [queue.get_queue_properties() for queue in queues]
    return sum(int(each.approximate_message_count or 0) for each in found)


def client_of(azurite: Azurite, name: str) -> QueueClient:
    """Make a queue; give its client, which tries each request once."""
    from azure.storage.queue import QueueClient

    text = azurite.connection_string
    client = QueueClient.from_connection_string(text, name, retry_total=0)
    client.create_queue()
    return client
