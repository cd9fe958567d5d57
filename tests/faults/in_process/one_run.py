"""One task instance as Airflow's scheduler leads it and a person disturbs it, from first try to end."""

from __future__ import annotations

import json
import os
import re
import signal
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from faults.in_process.doors import Doors
from faults.in_process.story import Story, Undecided
from faults.in_process.task_process import KillHook, Wait, Work
from faults.in_process.world import new_run_id
from support.operators import ROOT
from support.task_runner import Supervisor

from airflow_provider_fabml import UriFolder

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from faults.in_process.plans import Plan
    from faults.in_process.world import World

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(\+\d\d:\d\d|Z)")
_STATES = {
    "SucceedTask": "success",
    "RetryTask": "up_for_retry",
    "TaskState": "failed",
    "DeferTask": "deferred",
}


class OneRun:
    """Carries a plan out."""

    def __init__(self, world: World, plan: Plan, run_id: str = "") -> None:
        self.world, self.plan = world, plan
        self.story = Story(run_id or new_run_id(), input_uri=world.folder)
        self.supervisor = Supervisor(world.connections(), {})
        self.doors = Doors(world, plan, self.story, self.supervisor, self._look)
        self.try_number, self.max_tries, self.clear_number = 1, plan.retries, 0
        self._clears, self._failures = list(plan.clears), plan.failures
        self._hooks: list[KillHook] = []
        self._ended_by_person = False

    def go(self) -> Story:
        """Run to the end of the last try."""
        before = self.world.requests_so_far()
        if self.plan.faults:
            self.world.start_faults(self.plan.faults)
        while True:
            self.story.state = self._one_try()
            if not (self.story.state in {"up_for_retry", "cleared"} or self._to_be_cleared()):
                break
            self.try_number += 1
            self._upstream_changed()
        self._run_hooks()
        self.world.control.stop_faults()
        self.world.deliver()
        self.story.result = self.supervisor.xcoms.get("return_value")
        self.story.requests = self.world.requests_so_far() - before
        return self.story

    # The scheduler

    def _one_try(self) -> str:
        self.supervisor.xcoms.clear()
        following: dict[str, Any] = {}
        while True:
            self._work(following)
            kind = type(self.doors.reported).__name__
            self._set_state(_STATES.get(kind))
            self._run_hooks()  # of an attempt before, where they come late
            if self._ended_by_person:
                return self._after_the_signal()
            if kind != "DeferTask":
                return self._end_of_try(kind)
            message = self.doors.reported
            if "waiting" in self._clears:
                self._clears.remove("waiting")
                return self._cleared_while_deferred(message)
            self._wait(message)
            following = _resumed(message, self.doors.event)

    def _end_of_try(self, kind: str) -> str:
        """A try without a word (``NoneType``) lost its worker: Airflow treats it as one that failed."""
        if kind in {"RetryTask", "NoneType"} and self.try_number <= self.max_tries:
            return "up_for_retry"
        return "success" if kind == "SucceedTask" else "failed"

    def _work(self, following: dict[str, Any]) -> None:
        self._set_state("running")
        self.doors.reported = None
        phase = {
            "run_id": self.story.run_id,
            "try_number": self.try_number,
            "max_tries": self.max_tries,
            "map_index": self.plan.map_index,
            "clear_number": self.clear_number,
            **following,
        }
        turn = Work(self._operator(), self.plan.settle, phase)
        self.doors.turn("resumed" if following else "worker", turn)

    def _wait(self, message: Any) -> None:
        """A trigger that dies is started again by another triggerer."""
        self.doors.event = None
        while self.doors.event is None:
            self.doors.turn("trigger", Wait(message))

    def _set_state(self, state: str | None) -> None:
        key = "score" if self.plan.map_index < 0 else f"score_{self.plan.map_index}"
        self.supervisor.task_states = {self.story.run_id: {key: state}}

    def _operator(self) -> dict[str, Any]:
        common = {
            "inputs": {"heart": UriFolder(self.story.input_uri)},
            "deferrable": self.plan.deferrable,
            "output_root": ROOT,
            "retries": self._retries(),
        }
        if self.plan.kind == "pipeline":
            outputs = {"scores": {"JobOutputType": "UriFolder"}}
            return {**common, "endpoint_name": "heart-pipeline", "outputs": outputs}
        return common

    def _retries(self) -> int:
        """What the DAG file says today."""
        edited = self.plan.edited_retries
        early = self.try_number < self.plan.edited_at
        return self.plan.retries if edited is None or early else edited

    # The job

    def _look(self, process: BaseProcess, name: str) -> None:
        """Somebody looks at a job: this is what moves it, and what a person waits for."""
        looks = self.world.looked_at(name)
        if "waiting" in self._clears:
            waits = self.doors.phase == "worker" and "XCom azure_ml_job" in self.doors.seen
            if waits and not self.plan.deferrable:
                self._cleared_while_running(process)
        elif looks >= self.plan.looks and not self._ended_by_person:
            self._end_job(name)

    def _end_job(self, name: str) -> None:
        if self.world.is_over(name):
            return
        failing = self._failures > 0
        self.world.end(name, "Failed" if failing else "Completed")
        if failing:
            self._failures -= 1
            self.story.epoch += 1

    # A person, and upstream

    def _to_be_cleared(self) -> bool:
        """A person clears a task that has ended, because it was planned or to get past an error."""
        stuck = self._is_undecided()
        if not (self._clears or stuck):
            return False
        if not stuck:
            self._clears.pop()
        self._clear()
        return True

    def _is_undecided(self) -> bool:
        if self.story.state != "failed" or "No second job was started" not in self.story.log[-1]:
            return False
        self.story.undecided.append(Undecided(self.story.newest_intent, self.story.log[-1]))
        return len(self.story.undecided) < 4

    def _clear(self) -> None:
        """What Airflow does: ``max_tries = try_number + retries`` (of today's DAG file)."""
        self.max_tries = self.try_number + self._retries()
        self.clear_number += 1
        self.story.epoch += 1
        if self.plan.months_later:
            self._let_two_months_pass()

    def _cleared_while_running(self, process: BaseProcess) -> None:
        self._clears.remove("waiting")
        self._ended_by_person = True
        self._set_state("restarting")
        os.kill(process.pid or 0, signal.SIGTERM)

    def _after_the_signal(self) -> str:
        """Airflow raises ``max_tries`` when the process ended by itself; a dead one is a retry."""
        self._ended_by_person = False
        if self.doors.reported is None:
            self.story.ended_by_person.add(self.story.epoch)
        else:
            self._clear()
        return "cleared"

    def _cleared_while_deferred(self, message: Any) -> str:
        ti = {"dag_id": "a_dag", "run_id": self.story.run_id, "task_id": "score"}
        self._hooks.append(KillHook(message, {**ti, "map_index": self.plan.map_index}))
        self._set_state(None)
        if not self.plan.hook_late:
            self._run_hooks()
        self._clear()
        return "cleared"

    def _run_hooks(self) -> None:
        while self._hooks:
            self.doors.turn("kill hook", self._hooks.pop())

    def _upstream_changed(self) -> None:
        """Between two tries: other inputs for this map index, another task of the run cleared."""
        self.clear_number += self.plan.others_cleared
        if self.plan.other_inputs and self.try_number == 2:
            self.story.input_uri = self.world.other_folder
            self.story.epoch += 1

    def _let_two_months_pass(self) -> None:
        """Everything that was remembered is 61 days older."""

        def older(found: re.Match[str]) -> str:
            return (datetime.fromisoformat(found[0]) - timedelta(days=61)).isoformat()

        text = _INSTANT.sub(older, json.dumps(self.supervisor.store))
        self.supervisor.store.update(json.loads(text))


def _resumed(message: Any, event: Any) -> dict[str, Any]:
    from airflow.sdk.serde import deserialize

    kept = deserialize(message.next_kwargs) if message.next_kwargs else {}
    return {"next_method": message.next_method, "next_kwargs": {**kept, "event": event}}
