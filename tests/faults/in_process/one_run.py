"""One task instance as Airflow's scheduler leads it, from its first try to its end."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faults.in_process.effects import Effect, Moment, Sending, of_message, of_request, point_of
from faults.in_process.processes import KilledError, run_turn
from faults.in_process.task_process import KillHook, Wait, Work
from faults.in_process.world import new_run_id
from support.operators import ROOT
from support.task_runner import Supervisor

from airflow_provider_fabml import UriFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

    from faults.in_process.plans import Plan
    from faults.in_process.world import World

# Longer than anything here takes between an intent and a look-up, short enough to wait for.
SETTLE = 1.5
_MOST_TURNS = 60
_ENDS = {"SucceedTask", "RetryTask", "TaskState", "DeferTask", "RescheduleTask"}


@dataclass
class Story:
    """What happened: ``kills`` as (point, effect, moment), ``log`` what each turn wrote."""

    run_id: str
    state: str = "running"
    result: Any = None
    kills: list[tuple[str, str, str]] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    epochs: dict[str, int] = field(default_factory=dict)
    """By invocation id: how many reasons for another job there had been when it was intended."""
    epoch: int = 0
    undecided: list[str] = field(default_factory=list)
    """The errors of look-ups that could not tell."""
    requests: int = 0
    input_uri: str = ""


class OneRun:
    """Carries a plan out."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world, self.plan = world, plan
        self.story = Story(new_run_id(), input_uri=world.folder)
        self.supervisor = Supervisor(world.scoring.connections, {})
        self.try_number, self.max_tries = 1, plan.retries
        self._kills, self._left = list(plan.kills), plan.kills[0].gap if plan.kills else 0
        self._clears, self._failures = list(plan.clears), plan.failures
        self._hooks: list[KillHook] = []
        self._reported: Any = None
        self._event: Any = None
        self._die_after = self._ended_by_person = False
        self._phase, self._seen, self._turns = "worker", set[str](), 0

    def go(self) -> Story:
        """Run to the end of the last try."""
        before = self.world.requests_so_far()
        while True:
            self.story.state = self._one_try()
            if self.story.state == "up_for_retry":
                self.try_number += 1
            elif self.story.state == "cleared" or self._to_be_cleared():
                self.try_number += 1
            else:
                break
        self._run_hooks()
        self.world.deliver()
        self.story.result = self.supervisor.xcoms.get("return_value")
        self.story.requests = self.world.requests_so_far() - before
        return self.story

    # A person

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
        self.story.undecided.append(self.story.log[-1])
        return len(self.story.undecided) < 4

    def _clear(self) -> None:
        """What Airflow does: ``max_tries = try_number + retries`` (of today's DAG file)."""
        self.max_tries = self.try_number + self._retries()
        self.story.epoch += 1

    def _retries(self) -> int:
        edited = self.plan.edited_retries
        return self.plan.retries if edited is None or self.try_number == 1 else edited

    # The scheduler

    def _one_try(self) -> str:
        self.supervisor.xcoms.clear()
        following: dict[str, Any] = {}
        while True:
            self._work(following)
            self._run_hooks(late=True)
            kind = type(self._reported).__name__
            if self._ended_by_person:
                return self._after_the_signal()
            if kind != "DeferTask":
                return self._end_of_try(kind)
            if "waiting" in self._clears:
                self._clears.remove("waiting")
                return self._cleared_while_deferred(self._reported)
            self._wait(self._reported)
            following = _resumed(self._reported, self._event)

    def _end_of_try(self, kind: str) -> str:
        if kind == "SucceedTask":
            return "success"
        if kind in {"RetryTask", "NoneType"}:  # failed and may be retried, or its worker is gone
            return "up_for_retry" if self.try_number <= self.max_tries else "failed"
        return "failed"

    def _after_the_signal(self) -> str:
        """Airflow raises ``max_tries`` when the process ended by itself; a dead one is a retry."""
        self._ended_by_person = False
        if self._reported is not None:
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

    def _work(self, following: dict[str, Any]) -> None:
        self._set_state("running")
        self._reported = None
        turn = Work(
            operator=self._operator(),
            settle=SETTLE,
            phase={
                "run_id": self.story.run_id,
                "try_number": self.try_number,
                "max_tries": self.max_tries,
                "map_index": self.plan.map_index,
                **following,
            },
        )
        self._turn("resumed" if following else "worker", turn)

    def _wait(self, message: Any) -> None:
        """A trigger that dies is started again by another triggerer."""
        self._set_state("deferred")
        self._event = None
        while self._event is None:
            self._turn("trigger", Wait(message))

    def _run_hooks(self, *, late: bool = False) -> None:
        if late and not self.plan.hook_late:
            return
        reported = self._reported
        if type(reported).__name__ == "DeferTask":
            self._set_state("deferred")
        while self._hooks:
            self._turn("kill hook", self._hooks.pop())
        self._reported = reported

    def _set_state(self, state: str | None) -> None:
        key = "score" if self.plan.map_index < 0 else f"score_{self.plan.map_index}"
        self.supervisor.task_states = {self.story.run_id: {key: state}}

    def _operator(self) -> dict[str, Any]:
        inputs = {"heart": UriFolder(self.world.folder)}
        common = {"inputs": inputs, "deferrable": self.plan.deferrable, "output_root": ROOT}
        if self.plan.kind == "pipeline":
            outputs = {"scores": {"JobOutputType": "UriFolder"}}
            return {**common, "endpoint_name": "heart-pipeline", "outputs": outputs}
        return common

    # The doors

    def _turn(self, phase: str, turn: Work | Wait | KillHook) -> None:
        self._turns += 1
        if self._turns > _MOST_TURNS:
            raise RuntimeError(f"no end after {_MOST_TURNS} turns")
        self._phase, self._seen, self._die_after = phase, set(), False
        log = run_turn(turn, self._serve)
        self.story.log.append(log if log is not None else f"({phase} killed)")
        if log is None and self.plan.strangers and len(self.story.kills) == 1:
            self.world.add_strangers(self.plan.strangers)

    def _serve(
        self, process: BaseProcess, kind: str, value: Any, reply: Callable[[Any], None]
    ) -> None:
        if kind == "message":
            self._serve_message(value, reply)
        elif kind == "sending":
            self._serve_request(process, value, reply)
        elif kind == "sent":
            self._after_request(value, reply)
        else:
            moment = self._moment("event")
            self._event = value
            _die_if(moment is Moment.UNANSWERED)
            reply(None)

    def _serve_message(self, message: Any, reply: Callable[[Any], None]) -> None:
        moment = self._moment(of_message(message))
        if type(message).__name__ == "SetTaskStateStore":
            self._note_intent(message.value)
        answer = self.supervisor.send(message)
        if type(message).__name__ in _ENDS:
            self._reported = message
        _die_if(moment is Moment.UNANSWERED)
        reply(answer)

    def _note_intent(self, record: Any) -> None:
        if isinstance(record, dict) and record.get("invocation_id"):
            self.story.epochs.setdefault(record["invocation_id"], self.story.epoch)

    def _serve_request(
        self, process: BaseProcess, sending: Sending, reply: Callable[[Any], None]
    ) -> None:
        name = of_request(sending, self.world.url)
        moment = self._moment(name)
        if name == "GET job":
            self._look(process, sending)
        if moment is Moment.ON_ITS_WAY:
            self.world.post_later(sending)
            raise KilledError
        if moment is Moment.UNANSWERED:
            self.world.hold_back_the_answer(re.sub(r"^https?://[^/]+", "", sending.url))
            reply(None)
            self.world.wait_until_done()
            raise KilledError
        self._die_after = moment is Moment.AFTER
        reply(None)

    def _after_request(self, sending: Sending, reply: Callable[[Any], None]) -> None:
        if of_request(sending, self.world.url) == "list jobs":
            self.world.deliver()  # the worst time: right after somebody looked for it
        _die_if(self._die_after)
        reply(None)

    def _look(self, process: BaseProcess, sending: Sending) -> None:
        """Somebody looks at a job: this is what moves it, and what a person waits for."""
        name = sending.url.partition("?")[0].rpartition("/")[2]
        looks = self.world.looked_at(name)
        if "waiting" in self._clears:
            if self._phase == "worker" and not self.plan.deferrable and self._watching:
                self._clears.remove("waiting")
                self._ended_by_person = True
                self._set_state(None)
                os.kill(process.pid or 0, signal.SIGTERM)
            return
        if looks >= self.plan.looks and not self._ended_by_person:
            self._end_job(name)

    @property
    def _watching(self) -> bool:
        return "XCom azure_ml_job" in self._seen

    def _end_job(self, name: str) -> None:
        if self.world.is_over(name):
            return
        failing = self._failures > 0
        self.world.end(name, "Failed" if failing else "Completed")
        if failing:
            self._failures -= 1
            self.story.epoch += 1

    def _moment(self, name: str) -> Moment | None:
        """Note an effect; kill here and now where it is to die before it, or say when it dies."""
        effect = Effect(self._phase, name)
        self.story.effects.append(effect)
        moment = self._due(effect)
        if moment is not None:
            where = point_of(effect, moment, self._seen, deferrable=self.plan.deferrable)
            self.story.kills.append((where, name, moment.value))
        _die_if(moment is Moment.BEFORE)
        self._seen.add(name)
        return moment

    def _due(self, effect: Effect) -> Moment | None:
        if not self._kills:
            return None
        self._left -= 1
        if self._left > 0:
            return None
        wanted = self._kills.pop(0).moment
        self._left = self._kills[0].gap if self._kills else 0
        return wanted if wanted in effect.moments else effect.moments[-1]


def _die_if(now: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if now:
        raise KilledError


def _resumed(message: Any, event: Any) -> dict[str, Any]:
    from airflow.sdk.serde import deserialize

    kept = deserialize(message.next_kwargs) if message.next_kwargs else {}
    return {"next_method": message.next_method, "next_kwargs": {**kept, "event": event}}
