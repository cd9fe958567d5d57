"""Each example DAG end to end, as it stands: real storage, Azure ML, scheduler and triggerer."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from azure.storage.queue import QueueClient
from support.event_grid import message
from system.examples.world import STRICT, World, lines

from airflow_provider_fabml.local.airflow_api import wait
from airflow_provider_fabml.local.breast_cancer.workspace import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def world(running) -> World:
    """One stack for all of them; each has a folder of its own."""
    return World(running)


def _input(job) -> str:
    """The last folder that a job reads."""
    (given,) = job["request"]["inputData"].values()
    return given["uri"].rstrip("/").rpartition("/")[2]


def test_champion_and_challenger_score_the_same_rows(world):
    """Two deployments, one job each; new data is one more job each, a cleared one is one more."""
    dag_id, folder = "champion_challenger", "uci-heart-unlabeled"
    world.land(f"{folder}/heart.csv")
    world.unpause(dag_id)
    first = world.run(dag_id)
    champion, challenger = sorted(world.jobs(dag_id), key=lambda job: job["deployment"])
    assert [champion["deployment"], challenger["deployment"]] == ["rule", "strict-rule"]
    assert world.predictions(champion) == lines("heart.csv")
    assert world.predictions(challenger) == lines("heart.csv", says=STRICT)
    assert world.api.xcom(dag_id, first["dag_run_id"], "agree") == {"rows": 3, "alike": 2}

    world.land(f"{folder}/late.csv")
    again = world.run(dag_id)
    assert world.api.xcom(dag_id, again["dag_run_id"], "agree") == {"rows": 6, "alike": 4}
    assert len(world.jobs(dag_id)) == 4
    world.clear(dag_id, again["dag_run_id"], ["score", 1])
    *_, newest = world.jobs(dag_id)
    assert len(world.jobs(dag_id)) == 5
    assert newest["deployment"] == "strict-rule"


def test_each_date_is_scored_once(world):
    """Three past dates are three runs and three jobs; a cleared date is scored anew, no other."""
    dag_id, folder = "score_daily_with_sensor", "uci-heart-past"
    conf = json.dumps({"shortcut_path": f"Files/datasets/{folder}"})
    days = [f"2026-01-0{day}" for day in (1, 2, 3)]
    world.land(*(f"{folder}/date={day}/heart-{day}.csv" for day in days))
    world.unpause(dag_id)
    world.running.backfill(dag_id, days[0], days[-1], "--dag-run-conf", conf)
    runs = world.runs(dag_id, 3)
    assert sorted(run["logical_date"][:10] for run in runs) == days
    jobs = world.jobs(dag_id)
    found = {_input(job): world.predictions(job) for job in jobs}
    assert found == {f"date={day}": lines(f"heart-{day}.csv") for day in days}
    assert len(jobs) == 3

    world.land(f"{folder}/date={days[1]}/late.csv")
    (run_id,) = [run["dag_run_id"] for run in runs if run["logical_date"][:10] == days[1]]
    world.clear(dag_id, run_id, "landed")
    *before, newest = world.jobs(dag_id)
    assert len(before) == 3
    assert _input(newest) == f"date={days[1]}"
    assert world.predictions(newest) == lines(f"heart-{days[1]}.csv", "late.csv")


def test_a_week_is_one_job(world):
    """Six days start nothing, the seventh starts one run and one job; a cleared week is one more."""
    folder, week = "uci-heart-weekly/week=2026-W02", "score_weekly_rollup"
    days = [f"2026-01-{day:02d}" for day in range(5, 12)]
    world.land(*(f"{folder}/date={day}/{day}.csv" for day in days[:-1]))
    world.unpause("land_heart_day", week)
    world.running.backfill("land_heart_day", days[0], days[-1])
    assert {run["partition_key"] for run in world.runs("land_heart_day", 6)} == set(days[:-1])
    assert world.api.runs(week) == []

    world.land(f"{folder}/date={days[-1]}/{days[-1]}.csv")
    world.runs("land_heart_day", 7)
    (run,) = world.runs(week, 1)
    (job,) = world.jobs(week)
    assert run["partition_key"] == days[0]
    assert _input(job) == "week=2026-W02"
    assert world.predictions(job) == lines(*(f"{day}.csv" for day in days))

    world.land(f"{folder}/date={days[2]}/late.csv")
    world.clear(week, run["dag_run_id"], "score")
    _, newest = world.jobs(week)
    assert world.predictions(newest) == lines(*(f"{day}.csv" for day in days), "late.csv")


def test_a_day_is_scored_when_it_arrives(world):
    """Each day that lands is one run and one job, a restated day one more; nothing is due then."""
    _arrivals(world, "score_on_arrival", "score_arrived_day", "uci-heart-daily")


def test_a_day_is_scored_when_event_grid_tells(world):
    """The same through a queue, within the half hour in which nobody else looks."""
    began, account = time.monotonic(), world.stack.azurite.account
    text = world.stack.azurite.connection_string
    with QueueClient.from_connection_string(text, "fabml-arrivals") as queue:
        queue.create_queue()
        _arrivals(
            world,
            "score_on_event_grid",
            "score_told_day",
            "uci-heart-events",
            lambda path: queue.send_message(message(account, CONTAINER, path)),
        )
        wait(lambda: not queue.peek_messages(), 60, "a message stays in the queue")
    assert time.monotonic() - began < 1800


def _arrivals(
    world: World,
    router: str,
    scoring: str,
    folder: str,
    happens: Callable[[str], object] = lambda path: None,
) -> None:
    """Play a watcher, its router and its scoring; tell `happens` each path that landed."""
    days = ["2026-02-01", "2026-02-02", "2026-02-03"]

    def land(day: str, name: str) -> None:
        world.land(f"{folder}/date={day}/{name}")
        happens(f"datasets/{folder}/date={day}/{name}")

    land(days[0], f"{days[0]}.csv")  # it is there before anybody watches
    world.unpause(router, scoring)
    world.runs(scoring, 1)
    for day in days[1:]:
        land(day, f"{day}.csv")
    assert sorted(run["partition_key"] for run in world.runs(scoring, 3)) == days
    found = {_input(job): world.predictions(job) for job in world.jobs(scoring)}
    assert found == {f"date={day}": lines(f"{day}.csv") for day in days}
    assert len(world.jobs(scoring)) == 3

    land(days[1], "late.csv")
    assert world.runs(scoring, 4)[-1]["partition_key"] == days[1]
    *_, newest = world.jobs(scoring)
    assert world.predictions(newest) == lines(f"{days[1]}.csv", "late.csv")

    asked = world.run(router)
    assert world.api.task_states(router, asked["dag_run_id"]) == {"due": "skipped"}
    assert len(world.jobs(scoring)) == 4
    assert len(world.api.runs(scoring)) == 4
