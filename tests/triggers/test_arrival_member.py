"""What one watcher tells and stores, when Airflow stores its events late, partly or not at all."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from airflow.triggers.shared_stream import AdvanceItem, AdvanceOutcome
from support.task_runner import supervised
from support.watching import AssetSupervisor, accessors

from airflow_provider_fabml.core.arrivals.survey import Partition, Survey
from airflow_provider_fabml.core.arrivals.watch_options import parse_watch
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.readiness import Blob, fold, start, verdict
from airflow_provider_fabml.hooks.asset_memory import AssetMemory, stores_of
from airflow_provider_fabml.triggers.arrival_member import Member
from airflow_provider_fabml.triggers.arrival_stream import ArrivalProducer
from airflow_provider_fabml.triggers.arrival_tree import (
    Round,
    TreeKey,
    tree_of,
)

WATCH = parse_watch(path="Files/x", partitions="{key}", rules={})
ROOT = Location("acct", "c", "x", "https://acct.blob.core.windows.net")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def looked(number: int, **versions: int) -> Round:
    """A round in which these partitions are complete, each in a version."""
    found = {}
    for key, version in versions.items():
        seen = fold(start(f"x/{key}", WATCH.rules), [Blob(f"x/{key}/f", 1, f"e{version}", NOW)])
        found[key] = Partition(key, f"x/{key}", verdict(seen, WATCH.rules, NOW))
    return Round(number, ROOT, Survey(NOW, {WATCH: found}))


@pytest.fixture
def supervisor():
    """The asset's state, as Airflow keeps it."""
    with supervised(AssetSupervisor({}, {})) as own:
        yield own


def member(**changes) -> Member:
    """A watcher for one asset, as a trigger makes it."""
    memory = AssetMemory(stores_of(accessors(["landing"])), "cursor")
    return Member(WATCH, memory, **{"poll_interval": 60, "start": "existing", **changes})


async def told(one: Member, found: Round) -> list[str]:
    """The partitions that a watcher tells in a round."""
    assert await one.recall(found.number)
    return [event["partition"] for event in one.news(found)]


async def again(found: Round) -> list[str]:
    """What a watcher that starts anew tells."""
    return await told(member(), found)


def test_a_round_is_stored_when_it_is_confirmed(supervisor):
    """Before that a new start tells it again; after that it does not."""

    async def story() -> None:
        one = member()
        assert await told(one, looked(1, a=1)) == ["a"]
        assert await told(one, looked(2, a=1)) == []
        assert await again(looked(2, a=1)) == ["a"]
        await one.store(1)
        assert await again(looked(2, a=1)) == []

    asyncio.run(story())


def test_a_confirmed_round_does_not_vouch_for_one_that_failed_before_it(supervisor):
    """Nothing is told on top of a round that may yet be lost; all of it is told again."""

    async def story() -> None:
        one = member()
        assert await told(one, looked(1, a=1)) == ["a"]
        assert await told(one, looked(2, a=1, b=1)) == []
        assert one.untold, "it waits for the first round, and wants another look"
        one.roll_back()
        await one.store(2)
        assert supervisor.states == {}
        assert await told(one, looked(3, a=1, b=1)) == ["a", "b"]
        await one.store(3)
        assert await again(looked(4, a=1, b=1)) == []

    asyncio.run(story())


def test_a_round_that_is_rolled_back_while_it_is_told_is_told_again(supervisor):
    """Events that Airflow takes slowly may lose their ground meanwhile."""

    async def story() -> None:
        one = member()
        assert await told(one, looked(1, a=1)) == ["a"]
        await one.store(1)
        stored = dict(supervisor.states)
        events = one.news(looked(2, a=1, b=1, c=1))
        assert next(events)["partition"] == "b"
        one.roll_back()
        assert [event["partition"] for event in events] == ["c"]
        await one.store(2)
        assert supervisor.states == stored
        assert await told(one, looked(3, a=1, b=1, c=1)) == ["b", "c"]

    asyncio.run(story())


def test_what_airflow_could_not_store_is_told_again(supervisor):
    """A round comes back with its outcome: only where no event is missing is the cursor stored."""

    async def story() -> None:
        key, one = TreeKey("onelake_default", "Files/x"), member()
        producer = ArrivalProducer(key)
        tree_of(key).join(one)
        for number, outcome in enumerate((AdvanceOutcome(0, 1), AdvanceOutcome(1, 0))):
            assert supervisor.states == {}
            assert await told(one, looked(number, a=1)) == ["a"]
            await producer.advance([AdvanceItem(number, outcome)])
        assert await again(looked(9, a=1)) == []

    asyncio.run(story())


def test_a_backlog_is_told_in_portions(supervisor, monkeypatch):
    """Each portion is stored before the next is told, so that a start anew tells only the rest."""
    monkeypatch.setattr("airflow_provider_fabml.triggers.arrival_member.AT_ONCE", 2)
    tree = {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}

    async def story() -> None:
        one = member()
        for number, portion in enumerate((["a", "b"], ["c", "d"], ["e"])):
            assert await again(looked(number, **tree)) == portion
            assert await told(one, looked(number, **tree)) == portion
            assert (number in one.untold) is (portion != ["e"])
            await one.store(number)
        assert await again(looked(9, **tree)) == []

    asyncio.run(story())


def test_a_store_that_fails_is_made_up_for(supervisor, monkeypatch):
    """Neither reading nor writing the cursor ends the watcher; the next round stores it."""
    monkeypatch.setattr("airflow_provider_fabml.triggers.arrival_member.RECALL", 0)
    answer = supervisor.send

    def refused(msg):
        raise ConnectionError(type(msg).__name__)

    async def story() -> None:
        one = member()
        supervisor.send = refused
        assert not await one.recall(0)
        assert one.untold == {0}
        supervisor.send = answer
        assert await told(one, looked(1, a=1)) == ["a"]
        supervisor.send = refused
        await one.store(1)
        supervisor.send = answer
        assert await told(one, looked(2, a=1)) == []
        await one.store(2)
        assert await again(looked(3, a=1)) == []

    asyncio.run(story())


def test_what_lands_after_the_first_look_is_told_even_if_that_was_not_stored(supervisor):
    """With ``start="now"`` the first look stays the line, also when it is rolled back."""

    async def story() -> None:
        one = member(start="now")
        assert await told(one, looked(1, a=1)) == []
        one.roll_back()
        assert await told(one, looked(2, a=1, b=1)) == ["b"]

    asyncio.run(story())


def test_a_round_without_this_watch_tells_nothing(supervisor):
    """Who joined after a listing began waits for the next."""

    async def story() -> None:
        assert await told(member(), Round(1, ROOT, Survey(NOW, {}))) == []

    asyncio.run(story())


def test_a_watcher_without_an_asset_forgets(supervisor):
    """Where Airflow attached no asset there is nothing to store beside, and nothing fails."""

    async def story() -> None:
        one = Member(WATCH, AssetMemory(stores_of(None), "c"), poll_interval=1, start="existing")
        assert await told(one, looked(1, a=1)) == ["a"]
        await one.store(1)
        assert await told(one, looked(2, a=1)) == []

    asyncio.run(story())
