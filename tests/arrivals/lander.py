"""Lands partitions in real storage as the plan says, and writes down what then lay there."""

from __future__ import annotations

import heapq
import itertools
import posixpath
import time
from typing import TYPE_CHECKING, NamedTuple

from arrivals.facts import Place, State
from arrivals.plan import SCORED
from azure.core.exceptions import AzureError, ResourceNotFoundError
from landing.writer import Writer
from support.scoring import HEADER, ROWS

from airflow_provider_fabml.core.arrivals.short_digest import short
from airflow_provider_fabml.core.storage.readiness import DIGEST_BITS, Blob, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from arrivals.plan import Landing, Version
    from arrivals.shapes import Step
    from azure.storage.blob import ContainerClient

AGAIN, SOON = 0.5, 1.0


class Action(NamedTuple):
    """A step and when it may come; `scored` says that a job must have read the version before."""

    step: Step
    gap: float
    version: int
    last: bool
    scored: bool
    waited: bool = False


class Turn(NamedTuple):
    """What comes next in one folder."""

    due: float
    number: int
    landing: Landing
    actions: tuple[Action, ...]


def actions(versions: Sequence[Version]) -> Iterator[Action]:
    """Give all steps of a folder in their order."""
    for number, version in enumerate(versions):
        for index, step in enumerate(version.steps):
            first, last = index == 0, index == len(version.steps) - 1
            gap = step.gap + (version.wait if first else 0)
            scored = version.after == SCORED
            yield Action(step, gap, number, last, first and scored, waited=scored)


class Lander:
    """Plays many landings side by side. It never sleeps: :meth:`tick` does what is due.

    :param container: storage; every call is tried once, and again at a later tick.
    :param tell: is called with each change: the step, its tree, and the path that has changed.
    :param began: what the landings' times count from (seconds since 1970).
    """

    def __init__(
        self,
        container: ContainerClient,
        landings: Sequence[Landing],
        tell: Callable[[Step, str, str], None],
        began: float,
    ) -> None:
        self._writer, self._tell = Writer(container), tell
        self._numbers = itertools.count()
        self._turns: list[Turn] = []
        self._rows: dict[str, int] = {}
        self.states: list[State] = []
        self.retried = 0
        for landing in landings:
            self._push(began + landing.at, landing, tuple(actions(landing.versions)))

    @property
    def left(self) -> int:
        """How many folders are not finished."""
        return len(self._turns)

    def tick(self, has_read: Callable[[State], bool]) -> None:
        """Do all that is due; `has_read` says whether a job has read a complete version."""
        while self._turns and self._turns[0].due <= time.time():
            turn = heapq.heappop(self._turns)
            action, *rest = turn.actions
            if action.scored and not has_read(self._newest(turn.landing)):
                self._push(time.time() + SOON, turn.landing, turn.actions)
            elif action.scored:
                free = (action._replace(scored=False), *rest)
                self._push(time.time() + action.gap, turn.landing, free)
            elif not self._done(turn.landing, action):
                self.retried += 1
                self._push(time.time() + AGAIN, turn.landing, turn.actions)
                return
            elif rest:
                self._push(time.time() + _wait(rest[0]), turn.landing, tuple(rest))

    def _push(self, due: float, landing: Landing, todo: tuple[Action, ...]) -> None:
        heapq.heappush(self._turns, Turn(due, next(self._numbers), landing, todo))

    def _newest(self, landing: Landing) -> State:
        place = Place(landing.tree, landing.folder)
        return next(s for s in reversed(self.states) if s.place == place and s.complete)

    def _done(self, landing: Landing, action: Action) -> bool:
        """Do one step and look at what lies there now; False where storage does not answer."""
        folder = posixpath.normpath(f"datasets/{landing.tree}/{landing.folder}")
        step = action.step
        name, to = (posixpath.normpath(f"{folder}/{each}") for each in (step.name, step.to))
        try:
            self._do(step, name, to)
            state = self._look(landing, folder, action)
        except AzureError:
            return False
        self.states.append(state)
        self._tell(step, landing.tree, to if step.to else name)
        return True

    def _do(self, step: Step, name: str, to: str) -> None:
        if step.verb == "write":
            self._writer.write(name, _table(step.rows))
            self._rows[name] = step.rows
        elif step.verb == "rename":
            self._rows[to] = self._rows[name]
            # Asked again after an answer that was lost, it may have been done.
            if self._writer.container.get_blob_client(name).exists():
                self._writer.rename(name, to)
        elif step.verb == "delete":
            try:
                self._writer.delete(name)
            except ResourceNotFoundError:
                return
        else:
            self._writer.mkdir(name)

    def _look(self, landing: Landing, folder: str, action: Action) -> State:
        listed = self._writer.container.list_blobs(name_starts_with=f"{folder}/")
        files = {str(b.name)[len(folder) + 1 :]: b for b in listed}
        data = {
            name: Blob(str(b.name), b.size, str(b.etag), b.last_modified)
            for name, b in files.items()
            if b.size and not any(part[0] in "_." for part in name.split("/"))
        }
        digest = sum(digest_of(name, blob) for name, blob in data.items()) % (1 << DIGEST_BITS)
        return State(
            place=Place(landing.tree, landing.folder),
            at=time.time(),
            digest=short(f"{digest:064x}"),
            rows=sum(self._rows[blob.name] for blob in data.values()),
            version=action.version,
            complete=action.last and not landing.junk,
            junk=landing.junk,
            waited=action.waited,
        )


def _wait(action: Action) -> float:
    return 0 if action.scored else action.gap


def _table(rows: int) -> str:
    if not rows:
        return ""
    return "\n".join([HEADER, *(ROWS[number % len(ROWS)] for number in range(rows)), ""])
