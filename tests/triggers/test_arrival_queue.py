"""The arrival trigger with a real storage queue beside the tree, in Airflow's own shared streams."""

from __future__ import annotations

import asyncio
import json
import time
import uuid

import pytest
from azure.storage.queue import QueueClient
from support.event_grid import event, message
from support.task_runner import captured_log, supervised
from support.watching import AssetSupervisor, Triggerer, land, until

from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient
from airflow_provider_fabml.clients.storage_queue import AsyncQueueClient
from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.hooks.asset_memory import AssetMemory
from airflow_provider_fabml.triggers import arrival_member, arrival_queue
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger
from airflow_provider_fabml.triggers.arrival_tree import Tree

pytestmark = pytest.mark.azurite
ASSET = ("landing",)
SELDOM = 3600


@pytest.fixture
def queue(azurite):
    """A queue of the account, made for one test."""
    name = f"arrivals-{uuid.uuid4().hex[:8]}"
    made = QueueClient.from_connection_string(azurite.connection_string, name)
    with made:
        made.create_queue()
        yield made
        made.delete_queue()


@pytest.fixture
def poison(azurite, queue):
    """The poison queue of the queue, which may not be there."""
    name = f"{queue.queue_name}-poison"
    with QueueClient.from_connection_string(azurite.connection_string, name) as client:
        yield client


@pytest.fixture
def connections(azurite, connections) -> dict:
    """A connection that says where queues are."""
    connections["onelake_default"]["extra"] = {"queue_endpoint": azurite.queue_url}
    return connections


@pytest.fixture
def watch(container, queue):
    """Makes triggers that look at the whole tree only when they start."""

    def make(**changes) -> OneLakeArrivalTrigger:
        keywords = {
            "path": f"{container.url}/daily",
            "partitions": "date=%Y-%m-%d",
            "poll_interval": SELDOM,
            "storage_queue": queue.queue_name,
            "queue_interval": 0.2,
        }
        return OneLakeArrivalTrigger(**{**keywords, **changes})

    return make


@pytest.fixture
def tell(container, queue):
    """Puts a message about a path of the container into the queue."""

    def send(path: str, **how) -> None:
        queue.send_message(message("trustedlake", container.container_name, path, **how))

    return send


def waiting(queue) -> int:
    """How many messages a queue holds, hidden ones included."""
    return queue.get_queue_properties().approximate_message_count


SCHEMAS = [{"cloud": False}, {"cloud": True}, {"encoded": False}, {"cloud": True, "encoded": False}]


@pytest.mark.parametrize("how", SCHEMAS, ids=str)
def test_an_event_has_its_partition_told_at_once(
    container, connections, watch, queue, tell, listed, how
):
    """In every form, one request for the named folder follows, and the message is deleted."""
    triggerer = Triggerer(connections)
    land(container, 1)

    async def story() -> None:
        async with triggerer.life({ASSET: watch()}):
            await until(lambda: triggerer.keys("landing") == ["2026-01-01"])
            listed.clear()
            tell(land(container, 2), **how)
            await until(lambda: triggerer.keys("landing")[1:] == ["2026-01-02"])
            await until(lambda: waiting(queue) == 0)

    asyncio.run(story())
    assert listed == ["daily/date=2026-01-02/"]


def test_a_young_partition_is_looked_at_when_it_is_old_enough(
    container, connections, watch, queue, tell
):
    """With `quiet_for` no second event is needed: the look comes by itself, soon after."""
    triggerer = Triggerer(connections)

    async def story() -> float:
        async with triggerer.life({ASSET: watch(quiet_for=3)}):
            await asyncio.sleep(0.5)
            tell(land(container, 2))
            landed = time.monotonic()
            await until(lambda: triggerer.keys("landing") == ["2026-01-02"])
            await until(lambda: waiting(queue) == 0)
            return time.monotonic() - landed

    assert asyncio.run(story()) >= 2


def test_a_message_stays_until_the_event_is_stored(container, connections, watch, queue, tell):
    """A triggerer that dies before Airflow stored the event leaves the message to the next."""
    triggerer = Triggerer(connections)

    async def killed() -> None:
        async with triggerer.life({ASSET: watch()}):
            await asyncio.sleep(0.5)
            triggerer.kill_at = len(triggerer.effects) + 1
            tell(land(container, 2))
            await until(lambda: triggerer.killed)
            await asyncio.sleep(0.5)

    async def again() -> None:
        async with triggerer.life({ASSET: watch()}):
            await until(lambda: triggerer.keys("landing") == ["2026-01-02"])

    asyncio.run(killed())
    assert waiting(queue) == 1
    assert triggerer.keys("landing") == []
    asyncio.run(again())


def test_a_message_is_delivered_again(container, connections, watch, queue, tell, monkeypatch):
    """What a dead triggerer had received is seen by the next once its time is over, and deleted."""
    monkeypatch.setattr(arrival_queue, "hidden_for", lambda: 1)
    triggerer = Triggerer(connections)
    tell(land(container, 2))
    queue.receive_message(visibility_timeout=2)

    async def story() -> None:
        async with triggerer.life({ASSET: watch()}):
            await until(lambda: waiting(queue) == 0)

    asyncio.run(story())
    assert triggerer.keys("landing") == ["2026-01-02"]


@pytest.mark.parametrize("content", ["no event", "bm8gZXZlbnQ=", "{}", "[]"], ids=str)
def test_poison_goes_to_its_queue(container, connections, watch, queue, poison, tell, content):
    """Unreadable messages are moved as they are, named in an error, and hold up nothing."""
    triggerer = Triggerer(connections)
    queue.send_message(content)
    with captured_log() as lines:

        async def story() -> None:
            async with triggerer.life({ASSET: watch()}):
                tell(land(container, 2))
                await until(lambda: triggerer.keys("landing") == ["2026-01-02"])
                await until(lambda: waiting(queue) == 0)

        asyncio.run(story())
    assert [one.content for one in poison.receive_messages()] == [content]
    assert [line for line in lines if line.startswith("ERROR") and "is poison" in line]


def test_what_is_readable_of_a_poisonous_message_counts(
    container, connections, watch, queue, poison
):
    """Of two events in one message, one unreadable, the other is looked at."""
    triggerer = Triggerer(connections)
    good = event("trustedlake", container.container_name, "daily/date=2026-01-02/a.csv")

    async def story() -> None:
        async with triggerer.life({ASSET: watch()}):
            await asyncio.sleep(0.5)
            land(container, 2)
            queue.send_message(json.dumps([good, {**good, "subject": "?"}]))
            await until(lambda: triggerer.keys("landing") == ["2026-01-02"])

    asyncio.run(story())
    assert waiting(poison) == 1


def test_a_message_of_many_deliveries_is_poison(container, connections, watch, queue, poison, tell):
    """What was delivered five times in vain is moved, and still looked at."""
    tell("daily/date=2026-01-02/a.csv")
    for _ in range(arrival_queue.DELIVERIES):
        queue.receive_message(visibility_timeout=1)
        time.sleep(1.1)
    triggerer = Triggerer(connections)

    async def story() -> None:
        async with triggerer.life({ASSET: watch()}):
            await until(lambda: waiting(queue) == 0)

    asyncio.run(story())
    assert waiting(poison) == 1


def test_events_of_elsewhere_cost_no_look(container, connections, watch, queue, listed, tell):
    """Other accounts, containers, folders, hidden files and beginnings are deleted unlooked at."""
    land(container, 1)
    triggerer = Triggerer(connections)
    name = container.container_name

    async def story() -> None:
        async with triggerer.life({ASSET: watch()}):
            await until(lambda: triggerer.keys("landing") == ["2026-01-01"])
            listed.clear()
            queue.send_message(message("another", name, "daily/date=2026-01-01/a.csv"))
            queue.send_message(message("trustedlake", "other", "daily/date=2026-01-01/a.csv"))
            tell("endpoints/date=2026-01-01/predictions.csv")
            tell("daily/date=2026-01-01/_temporary/0/part-0.csv")
            tell("daily/date=2026-01-01/a.csv", api="CreateFile")
            await until(lambda: waiting(queue) == 0)
            await asyncio.sleep(0.5)

    asyncio.run(story())
    assert listed == []


def test_a_renamed_folder_is_looked_into(container, connections, watch, queue, tell):
    """One event for a directory has all that came with it told."""
    triggerer = Triggerer(connections)

    async def story() -> None:
        async with triggerer.life({ASSET: watch()}):
            await asyncio.sleep(0.5)
            land(container, 2)
            tell("daily/date=2026-01-02", api="RenameDirectory")
            await until(lambda: triggerer.keys("landing") == ["2026-01-02"])
            land(container, 3)
            land(container, 4)
            tell("daily", api="RenameDirectory")
            await until(lambda: triggerer.keys("landing")[1:] == ["2026-01-03", "2026-01-04"])

    asyncio.run(story())


def test_a_missing_queue_is_said_once_and_polling_goes_on(container, connections, watch, queue):
    """The interval's looks are the net: what lands is told all the same."""
    triggerer = Triggerer(connections)
    with captured_log() as lines:

        async def story() -> None:
            absent = f"{queue.queue_name}-absent"
            async with triggerer.life({ASSET: watch(storage_queue=absent, poll_interval=2)}):
                await asyncio.sleep(1)
                land(container, 2)
                await until(lambda: triggerer.keys("landing") == ["2026-01-02"])

        asyncio.run(story())
    (said,) = [line for line in lines if "cannot be read" in line]
    assert "404 QueueNotFound" in said
    assert "Remedy: Create the queue" in said


def test_a_queue_for_two_trees_is_named(container, connections, watch):
    """Two trees that read one queue steal each other's messages, and the log says so."""
    triggerer = Triggerer(connections)
    with captured_log() as lines:

        async def story() -> None:
            other = watch(path=f"{container.url}/hourly")
            async with triggerer.life({ASSET: watch(), ("other",): other}):
                await until(lambda: any("a queue of its own" in line for line in lines))

        asyncio.run(story())


def test_messages_of_a_round_that_is_told_later_go_with_that_one(connections, watch, queue, tell):
    """What was seen while earlier events were on their way keeps its message until it is told."""
    trigger = watch()
    tell("daily/date=2026-01-02/a.csv")

    async def story() -> list[int]:
        tree, one = Tree(trigger.tree_key), trigger._member()
        tree.join(one)
        left = []
        await tree._queue.receive(lambda events: True)
        for number, untold in ((7, {7}), (8, set())):
            one.untold |= untold
            tree._queue.hand_over(number)
            await tree.settle(number, stored=True)
            left.append(waiting(queue))
        await tree.close()
        return left

    with supervised(AssetSupervisor(connections, {})):
        assert asyncio.run(story()) == [1, 0]


def test_one_failure_does_not_last_an_interval(container, connections, watch, monkeypatch):
    """However seldom the whole tree is looked at, what could not be listed is tried again soon."""
    page, failed = AsyncStorageClient._page, []

    async def once(self, container, request):
        if not failed:
            failed.append(request)
            raise TransientError("Storage answered 503.")
        return await page(self, container, request)

    monkeypatch.setattr(AsyncStorageClient, "_page", once)
    land(container, 2)
    triggerer = Triggerer(connections)

    async def story() -> None:
        async with triggerer.life({ASSET: watch()}):
            await until(lambda: triggerer.keys("landing") == ["2026-01-02"])

    asyncio.run(story())
    assert failed


def test_a_cursor_that_cannot_be_read_loses_no_message(
    container, connections, watch, queue, tell, monkeypatch
):
    """Nothing can be told without it; the message stays, and its partition is told afterwards."""
    monkeypatch.setattr(arrival_member, "RECALL", 0.3)
    recall, fails = AssetMemory.arecall, [True]

    async def refused(self):
        if fails:
            raise OSError("no API server")
        return await recall(self)

    monkeypatch.setattr(AssetMemory, "arecall", refused)
    triggerer = Triggerer(connections)

    async def story() -> int:
        async with triggerer.life({ASSET: watch()}):
            tell(land(container, 2))
            await asyncio.sleep(2)
            kept = waiting(queue)
            fails.clear()
            await until(lambda: triggerer.keys("landing") == ["2026-01-02"])
            await until(lambda: waiting(queue) == 0)
            return kept

    assert asyncio.run(story()) == 1


def test_poison_that_cannot_be_moved_holds_up_nothing(
    container, connections, watch, queue, tell, monkeypatch
):
    """Without a right to the poison queue the message stays, is named once, and others go on."""

    async def refused(self, message):
        raise PermanentError("Storage answered 403.", status=403)

    monkeypatch.setattr(AsyncQueueClient, "bury", refused)
    triggerer = Triggerer(connections)
    queue.send_message("no event")
    with captured_log() as lines:

        async def story() -> None:
            async with triggerer.life({ASSET: watch()}):
                tell(land(container, 2))
                await until(lambda: triggerer.keys("landing") == ["2026-01-02"])
                await until(lambda: waiting(queue) == 1)

        asyncio.run(story())
    assert len([line for line in lines if "cannot be moved" in line]) == 1


def test_events_of_another_container_are_named(container, connections, watch, queue):
    """A subscription of elsewhere would leave all to polling without a word."""
    triggerer = Triggerer(connections)
    with captured_log() as lines:

        async def story() -> None:
            async with triggerer.life({ASSET: watch()}):
                for _ in range(2):
                    queue.send_message(message("trustedlake", "other", "daily/x/a.csv"))
                await until(lambda: waiting(queue) == 0)

        asyncio.run(story())
    (said,) = [line for line in lines if "tells of trustedlake/other" in line]
    assert "Remedy" in said


def test_a_connection_string_reaches_the_queue(azurite, container, watch, queue, tell):
    """Its key is used at the queue endpoint that the connection names besides."""
    text = azurite.connection_string.replace(f"QueueEndpoint={azurite.queue_url};", "")
    extra = {"connection_string": text, "queue_endpoint": azurite.queue_url}
    triggerer = Triggerer({"onelake_default": {"conn_type": "onelake", "extra": extra}})

    async def story() -> None:
        async with triggerer.life({ASSET: watch()}):
            await asyncio.sleep(0.5)
            tell(land(container, 2))
            await until(lambda: triggerer.keys("landing") == ["2026-01-02"])

    asyncio.run(story())


def test_an_empty_queue_is_asked_on(connections, watch, monkeypatch):
    """That there is nothing is no failure: the next request comes an interval later, as ever."""
    receive, asked = AsyncQueueClient.receive, []

    async def counted(self, *, hidden_for):
        asked.append(await receive(self, hidden_for=hidden_for))
        return asked[-1]

    monkeypatch.setattr(AsyncQueueClient, "receive", counted)
    triggerer = Triggerer(connections)
    with captured_log() as lines:

        async def story() -> None:
            async with triggerer.life({ASSET: watch()}):
                await until(lambda: len(asked) >= 8, 6)

        asyncio.run(story())
    assert not any(asked)
    assert [line for line in lines if "cannot be read" in line] == []
