"""The arrival trigger in Airflow's own shared streams, against a real storage server."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from airflow.sdk import Asset
from support.start_from_trigger import from_database
from support.task_runner import captured_log, run_task, supervised
from support.watching import AssetSupervisor, Triggerer, accessors, land, until

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.operators.due_partitions import OneLakeDuePartitionsOperator
from airflow_provider_fabml.triggers import arrival
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

pytestmark = pytest.mark.azurite
ASSET = ("landing",)
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def watch(container):
    """Makes triggers for the container's tree ``daily``."""

    def make(**changes) -> OneLakeArrivalTrigger:
        keywords = {"path": f"{container.url}/daily", "partitions": "date=%Y-%m-%d"}
        return OneLakeArrivalTrigger(**{**keywords, "poll_interval": 1, **changes})

    return make


async def looks(listed: list[str], more: int = 2) -> None:
    """Wait for whole looks that begin after now."""
    wanted = len(listed) + more
    await until(lambda: len(listed) >= wanted)
    await asyncio.sleep(0.2)


def test_complete_partitions_are_told_once_and_again_when_restated(
    container, connections, watch, listed
):
    """One event for each complete partition; none while it is half written or as it was."""
    land(container, 1)
    land(container, 1, "_SUCCESS", b"")
    land(container, 2)
    land(container, 3, "_temporary/0/part-0.csv")
    land(container, 3, "_SUCCESS", b"")
    container.upload_blob("daily/date=2026-01-04", b"", metadata={"hdi_isfolder": "true"})
    triggerer = Triggerer(connections)

    async def story() -> None:
        async with triggerer.life({ASSET: watch(marker="_SUCCESS")}):
            await until(lambda: triggerer.keys("landing") == ["2026-01-01"])
            await looks(listed)
            assert triggerer.keys("landing") == ["2026-01-01"]

            land(container, 2, "_SUCCESS", b"")
            await until(lambda: triggerer.keys("landing")[1:] == ["2026-01-02"])
            land(container, 1, "b.csv")
            land(container, 1, "_SUCCESS", b"")
            await until(lambda: triggerer.keys("landing")[2:] == ["2026-01-01"])
            await looks(listed)
        async with triggerer.life({ASSET: watch(marker="_SUCCESS")}):
            await looks(listed)

    asyncio.run(story())

    first, _, again = triggerer.stored["landing"]
    assert triggerer.keys("landing") == ["2026-01-01", "2026-01-02", "2026-01-01"]
    assert [(e["count"], e["bytes"]) for e in triggerer.stored["landing"]] == [
        (1, 4),
        (1, 4),
        (2, 8),
    ]
    assert first["uri"] == f"{container.url}/daily/date%3D2026-01-01"
    assert Location.from_json(first["location"]).path == "daily/date=2026-01-01"
    assert first["idempotency_key"] != again["idempotency_key"]
    assert set(triggerer.told().values()) == {1}
    assert not [effect for effect in triggerer.effects if effect.startswith("restart")]


def test_a_kill_at_any_point_loses_nothing(container, connections, watch):
    """After a kill between any two effects all is told; what was committed is not told again."""
    land(container, 1)
    land(container, 2)
    lives = []

    async def life(triggerer: Triggerer) -> None:
        async with triggerer.life({ASSET: watch()}):
            await until(lambda: triggerer.killed or bool(triggerer.states))

    for kill_at in range(12):
        triggerer = Triggerer(connections, kill_at=kill_at)
        asyncio.run(life(triggerer))
        dead = list(triggerer.effects)
        committed = set(triggerer.told()) if triggerer.states else set()
        asyncio.run(life(triggerer))
        told = triggerer.told()
        assert sorted(set(triggerer.keys("landing"))) == ["2026-01-01", "2026-01-02"]
        assert all(told[key] == 1 for key in committed)
        lives.append(dead)
        if "cursor of landing" in dead:
            break

    assert lives[0] == []
    assert lives[-1].count("stored") == 2
    assert lives[-1][-1] == "cursor of landing"
    assert [dead for dead in lives if dead.count("stored") == 2 and dead[-1] == "stored"]


def test_a_cursor_is_stored_only_after_its_events(container, connections, watch):
    """An event that never reaches the database is told again; its cursor was not stored."""
    land(container, 1)
    land(container, 2)
    triggerer = Triggerer(connections, ack_timeout=0.5)
    lost: list[str] = []

    def loses(payload) -> bool:
        if payload["partition"] == "2026-01-02" and not lost:
            lost.append(payload["partition"])
            return True
        return False

    triggerer.loses = loses

    async def story() -> None:
        async with triggerer.life({ASSET: watch()}):
            await until(lambda: "2026-01-02" in triggerer.keys("landing"))
            await until(lambda: bool(triggerer.states))

    asyncio.run(story())

    assert lost == ["2026-01-02"]
    assert any("AckTimeout" in effect for effect in triggerer.effects)
    stored = triggerer.effects.index("cursor of landing")
    assert triggerer.effects[:stored].count("stored") == len(triggerer.stored["landing"])
    assert max(triggerer.told().values()) <= 2


def test_watchers_of_one_tree_share_one_listing(container, connections, watch, listed):
    """Ten assets of one tree, each with rules of its own, cost one request a look."""
    for day in range(1, 11):
        land(container, day, data=b"x" * day)
    triggerer = Triggerer(connections)
    watchers = {(f"asset-{n}",): watch(min_bytes=n) for n in range(1, 11)}

    async def story() -> int:
        async with triggerer.life(watchers):
            await until(lambda: sum(map(len, triggerer.stored.values())) == 55)
            before = len(listed)
            await asyncio.sleep(1)
            return len(listed) - before

    requests = asyncio.run(story())

    assert 1 <= requests <= 6, "ten listings of their own would be fifty requests"
    assert set(listed) == {"daily/date="}
    assert {asset: len(keys) for asset, keys in triggerer.stored.items()} == {
        f"asset-{n}": 11 - n for n in range(1, 11)
    }
    assert set(triggerer.told().values()) == {1}


def test_who_joins_late_need_not_wait_for_the_next_look(container, connections, watch):
    """A trigger that joins a running listing is served soon, even where looks are rare."""
    land(container, 1)
    triggerer = Triggerer(connections)

    async def story() -> None:
        late = watch(poll_interval=3600, min_bytes=1)
        async with triggerer.life({("first",): watch(poll_interval=3600)}) as running:
            await until(lambda: triggerer.keys("first") == ["2026-01-01"])
            running.start(("late",), late)
            await until(lambda: triggerer.keys("late") == ["2026-01-01"])

    asyncio.run(story())
    assert triggerer.keys("first") == ["2026-01-01"]


def test_a_backlog_does_not_wait_for_the_next_look(container, connections, watch, monkeypatch):
    """What is too much for one look is told in the next ones, which follow at once."""
    monkeypatch.setattr("airflow_provider_fabml.triggers.arrival_member.AT_ONCE", 2)
    for day in range(1, 6):
        land(container, day)
    triggerer = Triggerer(connections)

    async def story() -> None:
        async with triggerer.life({ASSET: watch(poll_interval=3600)}):
            await until(lambda: len(triggerer.keys("landing")) == 5)

    asyncio.run(story())
    assert triggerer.keys("landing") == [f"2026-01-0{day}" for day in range(1, 6)]


def test_two_assets_with_equal_triggers_are_told_alike(container, connections, watch):
    """Airflow gives both one trigger; each has the cursor, and a third asset is told from the start."""
    land(container, 1)
    triggerer = Triggerer(connections)

    async def life(*assets: str) -> None:
        async with triggerer.life({assets: watch()}):
            await until(lambda: {asset for asset, _ in triggerer.states} == set(assets))

    asyncio.run(life("a", "b"))
    assert set(triggerer.told().values()) == {1}
    asyncio.run(life("a", "b", "c"))
    assert triggerer.keys("c") == ["2026-01-01"]
    assert triggerer.keys("a") == ["2026-01-01", "2026-01-01"]


def test_a_watcher_may_begin_with_what_comes_after_it(container, connections, watch, listed):
    """With ``start="now"`` what is there is not told, and what lands later is."""
    land(container, 1)
    triggerer = Triggerer(connections)

    async def story() -> None:
        async with triggerer.life({ASSET: watch(start="now")}):
            await until(lambda: bool(triggerer.states))
            land(container, 2)
            await until(lambda: bool(triggerer.stored))
            await looks(listed)

    asyncio.run(story())
    assert triggerer.keys("landing") == ["2026-01-02"]


def test_a_refusal_is_logged_once_and_waited_out(connections, watch, container, monkeypatch):
    """Missing connection, wrong key, missing container: each is named with a remedy, none ends it."""
    monkeypatch.setattr("airflow_provider_fabml.core.arrivals.events.LONGEST_PAUSE", 0.3)
    good = connections.pop("onelake_default")
    triggerer = Triggerer(connections)
    trigger = watch(path=f"{container.url}-later/daily")

    async def story(lines: list[str]) -> None:
        async with triggerer.life({ASSET: trigger}):
            await until(lambda: "is not defined" in "\n".join(lines))
            connections["onelake_default"] = {**good, "password": "d3Jvbmc="}
            await until(lambda: "403" in "\n".join(lines))
            connections["onelake_default"] = good
            await until(lambda: "404" in "\n".join(lines))
            await asyncio.sleep(1)
            assert triggerer.stored == {}

    with captured_log() as lines:
        asyncio.run(story(lines))

    complaints = [line for line in lines if "cannot be seen" in line]
    assert len(complaints) == 3, complaints
    assert all("Remedy: " in line and line.startswith("ERROR") for line in complaints)
    assert not [effect for effect in triggerer.effects if effect.startswith("restart")]


def test_an_outage_is_waited_out(container, connections, watch, monkeypatch):
    """Without an answer of storage the watcher warns once, and goes on when it is back."""
    monkeypatch.setattr("airflow_provider_fabml.core.arrivals.events.LONGEST_PAUSE", 0.3)
    land(container, 1)
    good = connections["onelake_default"]
    row = {"account": good["login"], "container": container.container_name, "datastore": "lake"}
    extra = {"mapping": [row]}
    connections["onelake_default"] = {**good, "host": f"{NOBODY}/{good['login']}", "extra": extra}
    triggerer = Triggerer(connections)

    async def story(lines: list[str]) -> None:
        trigger = watch(path="azureml://datastores/lake/paths/daily")
        async with triggerer.life({ASSET: trigger}):
            await until(lambda: any("cannot be seen" in line for line in lines))
            connections["onelake_default"] = {**good, "extra": extra}
            await until(lambda: triggerer.keys("landing") == ["2026-01-01"])

    with captured_log() as lines:
        asyncio.run(story(lines))
    complaint, again = (line for line in lines if "triggers.standing" in line)
    assert complaint.startswith("WARNING")
    assert "can be listed again" in again


def test_alone_it_stores_its_cursor_after_its_events(container, connections, watch, monkeypatch):
    """Without a shared stream, a generator that is dropped at any event has stored nothing."""
    monkeypatch.setattr(arrival, "SETTLED", 0.2)
    land(container, 1)
    land(container, 2)
    supervisor = AssetSupervisor(connections, {})

    async def taken(number: int) -> list[str]:
        trigger = watch()
        trigger.asset_state_store = accessors(ASSET)
        keys, events = [], trigger.run()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.5), contextlib.aclosing(events):
                async for event in events:
                    keys.append(event.payload["partition"])
                    if len(keys) == number:
                        break
        return keys

    with supervised(supervisor):
        for number in (1, 2):
            assert asyncio.run(taken(number)) == ["2026-01-01", "2026-01-02"][:number]
            assert supervisor.states == {}
        assert asyncio.run(taken(3)) == ["2026-01-01", "2026-01-02"]
        assert supervisor.states
        assert asyncio.run(taken(1)) == []


def test_its_arguments_are_json_and_name_it(watch):
    """What Airflow stores is plain, complete, and equal for triggers that are equal."""
    one = watch(marker="_SUCCESS", marker_last=False, quiet_for=30, start="now")
    path, kwargs = one.serialize()
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert kwargs["marker_last"] is False
    assert "marker_last" not in watch(marker="_SUCCESS").serialize()[1]
    again = OneLakeArrivalTrigger(**kwargs)
    assert again.serialize() == (path, kwargs)
    assert again.watch == one.watch
    assert one.hash(path, kwargs) == again.hash(*again.serialize())
    assert one.shared_stream_key() == watch(min_bytes=3).shared_stream_key()
    assert one.shared_stream_key() != watch(path="Files/other").shared_stream_key()


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("written-template", {"path": "Files/{{ ds }}"}),
        ("arrivals-path", {"path": "Files/daily/date=%Y"}),
        ("partition-code", {"partitions": "%Q"}),
        ("rules-number", {"min_count": -1}),
        ("rules-marker-last", {"marker_last": False}),
        ("rules-flag", {"marker": "_SUCCESS", "marker_last": "newest"}),
        ("poll-interval", {"poll_interval": 0}),
        ("arrivals-start", {"start": "tomorrow"}),
        ("arrivals-date", {"glob": "%Y*.csv"}),
    ],
)
def test_bad_values_are_refused_when_the_dag_file_is_read(watch, rule, changes):
    """The constructor refuses what no look could mend."""
    with pytest.raises(UsageError) as caught:
        watch(**changes)
    assert caught.value.rule == rule


def test_a_rule_that_does_not_exist_is_refused(watch):
    """A misspelt rule is no rule that holds."""
    with pytest.raises(UsageError, match="write min_count;"):
        watch(min_counts=3)


@pytest.mark.parametrize("rules", [{"glob": "50%%off*"}, {"marker": "50%%Y"}, {"glob": "5%*"}])
def test_a_percent_in_a_name_survives_the_way_to_the_triggerer(watch, rules):
    """What the DAG file means is what the triggerer reads, and reads once more."""
    here = watch(**rules)
    there = OneLakeArrivalTrigger(**here.serialize()[1])
    assert there.watch == here.watch
    assert there.serialize() == here.serialize()


@pytest.mark.parametrize(
    ("written", "folder"), [("50%%Y", "50%Y"), ("50%%off", "50%off"), ("5% off", "5% off")]
)
def test_a_percent_in_a_path_is_one_of_the_folder(azurite, container, connections, written, folder):
    """As with the sensor, and after the way through Airflow's database; the router looks there, too."""
    container.upload_blob(f"{folder}/date=2026-01-01/a.csv", b"1")
    row = {
        "shortcut": "Files/lake",
        "account": azurite.account,
        "container": container.container_name,
    }
    connections["onelake_default"]["extra"] = {"mapping": [row]}
    here = OneLakeArrivalTrigger(path=f"Files/lake/{written}", partitions="date=%Y-%m-%d")
    stored = from_database(*here.serialize())
    triggerer = Triggerer(connections)

    async def story() -> None:
        async with triggerer.life({ASSET: stored}):
            await until(lambda: triggerer.keys("landing") == ["2026-01-01"])

    asyncio.run(story())
    told = triggerer.stored["landing"][0]["location"]["path"]
    router = OneLakeDuePartitionsOperator(
        task_id="due", arrivals=here, asset=Asset("due"), output_root="Files/lake/scores"
    )
    done = run_task(router, supervisor=AssetSupervisor(connections, {}))
    emitted = done.result[0]["location"]["path"]
    assert told == emitted == f"{folder}/date=2026-01-01"
