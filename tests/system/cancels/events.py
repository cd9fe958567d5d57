"""What happens to the tasks of the cancel matrix: each returns once Airflow has taken notice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil
from system.cancels.world import TASK_DEAD, TRIGGERER_DEAD, World, family, until

from airflow_provider_fabml.local.airflow_api import wait

if TYPE_CHECKING:
    from system.cancels.rows import Row

Event = Callable[[World, "Row"], None]
PATIENCE = 400


def marked(state: str) -> Event:
    """A person marks the task."""
    return lambda world, row: world.mark(row, state)


def cleared(world: World, row: Row) -> None:
    """A person clears the task."""
    world.clear(row)


def run_failed(world: World, row: Row) -> None:
    """A person marks the run failed, which Airflow does to its unfinished tasks too."""
    world.api.call("PATCH", world.path(row), json={"state": "failed"})


def run_deleted(world: World, row: Row) -> None:
    """A person deletes the run. Airflow 3.3.2 refuses that while it runs, so it is marked first."""
    run_failed(world, row)
    world.api.call("DELETE", world.path(row))


def paused(world: World, row: Row) -> None:
    """A person pauses the DAG."""
    world.pause(row)
    time.sleep(10)


def limit(world: World, row: Row) -> None:
    """The run's limit passes."""
    wait(lambda: world.task(row)["state"] == "skipped", PATIENCE, f"{row.name} has no limit")


def given_up(world: World, row: Row) -> bool:
    """Whether the first try is over."""
    task = world.task(row)
    return bool(task["try_number"] > 1 or task["state"] in {"failed", "up_for_retry"})


def deadline(world: World, row: Row) -> None:
    """The task's limit passes, and a worker has heard of it."""
    wait(lambda: given_up(world, row), PATIENCE, f"{row.name} has no deadline")


def paused_deadline(world: World, row: Row) -> None:
    """The DAG is paused; then the task's limit passes, and no worker can take the task."""
    world.pause(row)
    wait(lambda: world.task(row)["state"] == "scheduled", PATIENCE, f"{row.name} goes on waiting")


def worker_sigterm(world: World, row: Row) -> None:
    """The machine's init system or Kubernetes asks the worker to end: a rolling restart."""
    world.supervisor(row).send_signal(signal.SIGTERM)
    told = "the task is still to run: going on"
    wait(lambda: told in world.log(row), PATIENCE, f"{row.name} did not go on")


def task_sigkill(world: World, row: Row) -> None:
    """The kernel takes the task's process (out of memory)."""
    os.kill(world.task(row)["pid"], signal.SIGKILL)


def worker_sigkill(world: World, row: Row) -> None:
    """The machine is gone: supervisor and task end without a word."""
    supervisor = world.supervisor(row)
    for process in family(supervisor):
        process.kill()


def worker_sigkill_then(event: Event) -> Event:
    """The machine is gone, and a person gives the task up before Airflow notices."""

    def both(world: World, row: Row) -> None:
        worker_sigkill(world, row)
        event(world, row)

    return both


def heartbeats_lost(world: World, row: Row) -> None:
    """The supervisor stands still until Airflow gives the task up, then goes on."""
    supervisor = world.supervisor(row)
    supervisor.suspend()
    try:
        wait(lambda: given_up(world, row), PATIENCE + TASK_DEAD, f"{row.name} was not given up")
    finally:
        supervisor.resume()


ALONE: dict[str, Event] = {
    "run's `dagrun_timeout`": limit,
    "`execution_timeout`": deadline,
    "`execution_timeout`, DAG paused": paused_deadline,
    "task marked failed": marked("failed"),
    "task marked success": marked("success"),
    "task cleared": cleared,
    "run marked failed": run_failed,
    "run deleted": run_deleted,
    "DAG paused": paused,
    "worker SIGTERM": worker_sigterm,
    "task process SIGKILL": task_sigkill,
    "worker SIGKILL": worker_sigkill,
    "worker SIGKILL, then task marked failed": worker_sigkill_then(marked("failed")),
    "worker SIGKILL, then run deleted": worker_sigkill_then(run_deleted),
    "heartbeats lost, worker comes back": heartbeats_lost,
}


TOGETHER = (
    "triggerer stalls and comes back",
    "triggerer stalls, task marked failed",
    "triggerer stalls, task cleared",
    "triggerer SIGKILL",
    "triggerer SIGTERM",
    "`execution_timeout`, no triggerer lives",
    "task marked failed while no triggerer lives",
)


def disturb_triggerers(world: World, rows: dict[str, Row]) -> None:
    """A triggerer stalls and comes back, its successor is killed, and it is itself restarted.

    Every row of the queue lives through all of it.
    """
    first, quiet = world.triggerers["first"], rows["triggerer stalls and comes back"]
    stalled = family(psutil.Process(first.pid))
    for process in stalled:
        process.suspend()
    world.mark(rows["triggerer stalls, task marked failed"], "failed")
    world.clear(rows["triggerer stalls, task cleared"])
    second = world.start_triggerer("second", "disturbed")
    world.looked_at(quiet, rows["triggerer SIGKILL"], rows["triggerer SIGTERM"])
    for process in stalled:
        process.resume()
    asked = "is not cancelled: the task still waits for the job"
    wait(lambda: asked in world.log(quiet), PATIENCE, "no `on_kill` after the stall")
    for process in family(psutil.Process(second.pid)):
        process.kill()
    world.looked_at(rows["triggerer SIGKILL"])
    first.terminate()
    first.wait(60)
    world.start_triggerer("third", "disturbed")
    world.looked_at(rows["triggerer SIGTERM"])


def abandon(world: World, rows: dict[str, Row]) -> None:
    """The only triggerer of a queue is killed; another one comes when all is over."""
    for process in family(psutil.Process(world.triggerers["only"].pid)):
        process.kill()
    world.mark(rows["task marked failed while no triggerer lives"], "failed")
    until(lambda: False, TRIGGERER_DEAD + 5)
    deadline(world, rows["`execution_timeout`, no triggerer lives"])
    world.start_triggerer("late", "abandoned")
    time.sleep(10)
