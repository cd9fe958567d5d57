"""Short scenes that need real distribution: a triggerer lost or taken for lost, a rolling restart.

Run by ``make test-faults`` before the campaign; the ordinary run does not collect this file.
"""

from __future__ import annotations

import contextlib
import signal
import time
import uuid
from typing import TYPE_CHECKING

import psutil
import pytest
from faults import strikes, truth
from faults.cluster import TRIGGERERS, WORKERS
from faults.hands import Hands
from faults.seen import Facts, is_at

from airflow_provider_fabml.local.process import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faults.rig import Rig
    from faults.seen import Seen
    from faults.truth import Metadata
    from faults.verdict import Verdict

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
# What Airflow itself writes into a trigger's log.
ON_KILL = "invoking on_kill"


class Scene:
    """Some DAG runs of one mode, whose jobs run for as long as the scene takes."""

    def __init__(self, rig: Rig, metadata: Metadata, mode: str, runs: int) -> None:
        self.rig, self.metadata, self.mode, self.runs = rig, metadata, mode, runs
        self.hands = Hands(rig, metadata)
        self.prefix = f"scene-{uuid.uuid4().hex[:8]}-"
        self._shown: set[str] = set()

    def begin(self) -> list[Seen]:
        """Trigger the runs; return their task instances once all of them are polling."""
        for number in range(self.runs):
            body = {"logical_date": None, "dag_run_id": f"{self.prefix}{number}"}
            self.rig.cluster.api.call("POST", f"/dags/faults_{self.mode}/dagRuns", json=body)
        self.until(self._all_poll, 180, "not all tasks are polling")
        return self.seen()

    def seen(self) -> list[Seen]:
        """The scene's task instances now."""
        found = self.metadata.tasks()
        return [each for each in found if each.key.run_id.startswith(self.prefix)]

    def end(self) -> Verdict:
        """Let the jobs end; return the verdict once all runs have."""
        for name in self._shown:
            self.rig.emulator.control.set_state(name, None)
        self._shown = set()
        self.until(self._all_ended, 300, "not all runs have ended")
        return truth.verdict(self.rig, self.metadata, self.prefix, {}, {})

    def until(self, done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Return once *done* says so; what ends meanwhile is started again."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise StackError(f"After {seconds:g} s {otherwise}: {self.seen()}")
            self.rig.cluster.revive()
            time.sleep(0.3)

    def cancellations(self) -> int:
        """How often a cancellation of any job was asked for."""
        names = {job.name for job in truth.jobs(self.rig.emulator)}
        asked = self.rig.emulator.requests.matching("POST", "/cancel")
        return sum(any(name in each.path for name in names) for each in asked)

    def said(self, words: str) -> int:
        """How many lines of the scene's task logs contain *words*."""
        logs = (self.rig.cluster.home / "logs").glob(f"*/run_id={self.prefix}*/**/*.log*")
        return sum(log.read_text(errors="replace").count(words) for log in logs if log.is_file())

    def _all_poll(self) -> bool:
        seen = self.seen()
        for each in seen:  # a job that is shown as running is waited for
            if each.job_name is not None and each.job_name not in self._shown:
                self.rig.emulator.control.set_state(each.job_name, "Running")
                self._shown.add(each.job_name)
        polling = [each for each in seen if is_at(strikes.POLLING, each, Facts())]
        return len(polling) == 3 * self.runs

    def _all_ended(self) -> bool:
        states = [s for run, s in self.metadata.runs().items() if f" {self.prefix}" in run]
        return all(state in {"success", "failed"} for state in states)


@pytest.fixture
def scene(rig: Rig, metadata: Metadata) -> Iterator[Callable[[str, int], Scene]]:
    """Makes scenes."""
    yield lambda mode, runs: Scene(rig, metadata, mode, runs)
    for name in (*WORKERS, *TRIGGERERS):
        _signal(rig, name, signal.SIGCONT)


def _signal(rig: Rig, name: str, number: signal.Signals) -> None:
    for process in rig.cluster.tree(name):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _busiest(scene: Scene, seen: list[Seen]) -> tuple[str, int]:
    """Return the triggerer that holds most of the scene's triggers, and its id."""
    ids = [each.triggerer_id for each in seen]
    triggerer_id = max(set(ids), key=ids.count)
    holder = next(each for each in seen if each.triggerer_id == triggerer_id)
    name = scene.hands.triggerer_of(holder)
    assert name is not None
    return name, triggerer_id or 0


def _gone_from(scene: Scene, triggerer_id: int) -> Callable[[], bool]:
    def gone() -> bool:
        seen = scene.seen()
        return all(each.triggerer_id not in {triggerer_id, None} for each in seen)

    return gone


def test_a_killed_triggerer_loses_no_job(scene):
    """After SIGKILL of a triggerer the other one waits for the same jobs."""
    stage = scene("deferrable", 4)
    name, triggerer_id = _busiest(stage, stage.begin())
    _signal(stage.rig, name, signal.SIGKILL)
    stage.until(_gone_from(stage, triggerer_id), 90, "triggers are still with the dead triggerer")
    verdict = stage.end()
    assert verdict.faults == {}
    assert (verdict.counts["jobs"], stage.cancellations()) == (12, 0)


def test_a_triggerer_that_comes_back_cancels_nothing(scene):
    """A triggerer that stood still longer than its health threshold finds its triggers taken over.

    Airflow then calls ``on_kill`` for tasks that still wait; their jobs go on (D7).
    """
    stage = scene("deferrable", 4)
    before = stage.cancellations()
    name, triggerer_id = _busiest(stage, stage.begin())
    _signal(stage.rig, name, signal.SIGSTOP)
    stage.until(
        _gone_from(stage, triggerer_id), 90, "triggers are still with the stopped triggerer"
    )
    _signal(stage.rig, name, signal.SIGCONT)
    stage.until(lambda: stage.said(ON_KILL) > 0, 60, "on_kill was not called")
    time.sleep(8)  # what on_kill does outlives the second that Airflow grants it
    asked = stage.cancellations() - before
    called = stage.said(ON_KILL)
    verdict = stage.end()
    print(f"on_kill was called for {called} tasks that were still waiting")
    assert verdict.faults == {}
    assert (verdict.counts["jobs"], asked, verdict.counts["cancelled jobs"]) == (12, 0, 0)


@pytest.mark.parametrize("whole_tree", [False, True], ids=["worker", "worker and its tasks"])
def test_a_rolling_restart_cancels_nothing(scene, whole_tree):
    """SIGTERM to a worker, alone or with its processes: each task keeps its one job."""
    stage = scene("sync", 3)
    before = stage.cancellations()
    seen = stage.begin()
    busy = [stage.rig.cluster.worker_of(each.pid or 0) for each in seen]
    name = next(each for each in WORKERS if each in busy)
    worker = stage.rig.cluster.children[name].pid
    if whole_tree:
        _signal(stage.rig, name, signal.SIGTERM)
    else:
        psutil.Process(worker).terminate()
    time.sleep(8)
    states = [each.state for each in stage.seen()]
    asked = stage.cancellations() - before
    verdict = stage.end()
    stage.until(lambda: not psutil.pid_exists(worker) or stage.rig.cluster.children[name].pid != worker,
                60, "the worker has not ended")  # fmt: skip
    print(f"8 s after SIGTERM: {sorted(map(str, states))}")
    assert verdict.faults == {}
    assert (verdict.counts["jobs"], asked, verdict.counts["cancelled jobs"]) == (9, 0, 0)
