"""The other side of a task's two doors: it answers, lets pass, and kills when the plan says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from faults.in_process.effects import Effect, Moment, Sending, of_message, of_request, point_of
from faults.in_process.processes import KilledError, run_turn
from faults.in_process.story import Died
from faults.in_process.task_process import SEND_WINDOW
from faults.in_process.world import TIMEOUTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

    from faults.in_process.plans import Plan
    from faults.in_process.story import Story
    from faults.in_process.task_process import KillHook, Wait, Work
    from faults.in_process.world import World
    from support.task_runner import Supervisor

_MOST_TURNS, _MOST_EFFECTS = 60, 1500
ENDS = ("SucceedTask", "RetryTask", "TaskState", "DeferTask")


class Looker(Protocol):
    """What is to happen when a process is about to look at a job."""

    def __call__(self, process: BaseProcess, job_name: str) -> None:
        """Before the request is sent."""


class Doors:
    """Serves one process after the other."""

    def __init__(
        self, world: World, plan: Plan, story: Story, supervisor: Supervisor, look: Looker
    ) -> None:
        self.world, self.plan, self.story = world, plan, story
        self.phase, self.seen = "", set[str]()
        self.reported: Any = None
        """The last message that ended a worker's turn."""
        self.event: Any = None
        self._supervisor, self._on_look = supervisor, look
        self._kills, self._left = list(plan.kills), plan.kills[0].gap if plan.kills else 0
        self._die_after, self._turns = False, 0
        under_way = SEND_WINDOW.total_seconds() + sum(TIMEOUTS.values())
        self._on_its_way = under_way + plan.settle / 2
        """Seconds a request is under way at most; what is left of the window is for the lists."""

    def turn(self, phase: str, turn: Work | Wait | KillHook) -> None:
        """Let a process run, until it ends or dies."""
        self._turns += 1
        if self._turns > _MOST_TURNS:
            raise RuntimeError(f"no end after {_MOST_TURNS} processes")
        self.phase, self.seen, self._die_after = phase, set(), False
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
            self.event = value
            _die_if(moment is Moment.UNANSWERED)
            reply(None)

    def _serve_message(self, message: Any, reply: Callable[[Any], None]) -> None:
        kind = type(message).__name__
        if kind == "MaskSecret":  # touches nothing but the log
            reply(None)
            return
        moment = self._moment(of_message(message))
        if kind == "SetTaskStateStore":
            self.story.note_intent(message.value)
        answer = self._supervisor.send(message)
        if kind in ENDS:
            self.reported = message
            if self.plan.late:
                self.world.deliver()
        _die_if(moment is Moment.UNANSWERED)
        reply(answer)

    def _serve_request(
        self, process: BaseProcess, sending: Sending, reply: Callable[[Any], None]
    ) -> None:
        name = of_request(sending, self.world.url)
        moment = self._moment(name)
        path = urlsplit(sending.url).path
        if name == "GET job":
            self._on_look(process, path.rpartition("/")[2])
        if name == "list jobs" and not self.plan.late:  # at the latest while the window is open
            self.world.deliver(older_than=self._on_its_way)
        if moment is Moment.ON_ITS_WAY:
            self.world.post_later(sending)
            if self.plan.listed_late:  # that is late enough: both together outlast the window
                self.world.deliver()
            raise KilledError
        if moment is Moment.UNANSWERED:
            self.world.hold_back_the_answer(path)
            reply(None)
            self.world.wait_until_done(surely=not self.plan.faults)
            raise KilledError
        self._die_after = moment is Moment.AFTER
        reply(None)

    def _after_request(self, sending: Sending, reply: Callable[[Any], None]) -> None:
        if of_request(sending, self.world.url) == "list jobs" and not self.plan.late:
            self.world.deliver(older_than=self._on_its_way)  # right after somebody looked for it
        _die_if(self._die_after)
        reply(None)

    def _moment(self, name: str) -> Moment | None:
        """Note an effect; die here and now if it is to be before it, or say when."""
        effect = Effect(self.phase, name)
        self.story.effects.append(effect)
        if len(self.story.effects) > _MOST_EFFECTS:
            raise RuntimeError(f"no end after {_MOST_EFFECTS} effects")
        moment = self._due(effect)
        if moment is not None:
            point = point_of(effect, moment, self.seen, deferrable=self.plan.deferrable)
            self.story.kills.append(Died(point, name, moment.value))
            self.story.since_kill = len(self.story.effects)
        _die_if(moment is Moment.BEFORE)
        self.seen.add(name)
        return moment

    def _due(self, effect: Effect) -> Moment | None:
        if not self._kills or self._kills[0].aim not in {"", f"{effect.phase}:{effect.name}"}:
            return None
        self._left -= 1
        if self._left > 0:
            return None
        wanted = self._kills.pop(0).moment
        self._left = self._kills[0].gap if self._kills else 0
        return wanted if wanted in effect.moments else effect.moments[-1]


def _die_if(now: bool) -> None:
    if now:
        raise KilledError
