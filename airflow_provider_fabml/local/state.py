"""Which processes ``up`` left running, so that ``down`` ends exactly those."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.local.places import write_private
from airflow_provider_fabml.local.process import end_tree, has_session, started_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from airflow_provider_fabml.local.process import Child


class Recorded(NamedTuple):
    """A process that was started: its name, id and creation time (seconds since the epoch)."""

    name: str
    pid: int
    started: float

    @property
    def running(self) -> bool:
        """Whether this very process runs; another one with its id does not count."""
        return started_at(self.pid) == self.started

    @property
    def replaced(self) -> bool:
        """Whether its id belongs to somebody else now."""
        return started_at(self.pid) not in (None, self.started)

    def end(self, grace: float = 15) -> None:
        """End it, or what is left of its session; never a process that took over its id."""
        if not self.replaced and (self.running or has_session(self.pid)):
            end_tree(self.pid, grace=grace)


class State(NamedTuple):
    """What ``up`` writes down: where Airflow answers, the login, the processes in start order.

    The file holds the password, so its mode is 0600 and this is not shown.
    """

    url: str
    user: str
    password: str
    processes: list[Recorded]

    def __repr__(self) -> str:
        return f"State(url={self.url!r}, processes={self.processes!r})"

    @property
    def running(self) -> list[Recorded]:
        """The processes that still run."""
        return [each for each in self.processes if each.running]


def record(children: Iterable[Child]) -> list[Recorded]:
    """Return identities of the *children* that run now."""
    found = [(child, started_at(child.pid)) for child in children if child.running]
    return [Recorded(child.name, child.pid, at) for child, at in found if at is not None]


def save(file: Path, state: State) -> None:
    """Write *state* (mode 0600)."""
    write_private(file, json.dumps(state._asdict(), indent=2))


def load(file: Path) -> State | None:
    """Return what *file* says, None if there is none."""
    if not file.exists():
        return None
    said = json.loads(file.read_text(encoding="utf-8"))
    processes = [Recorded(*each) for each in said.pop("processes")]
    return State(**said, processes=processes)
