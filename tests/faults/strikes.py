"""The program of faults: which process is struck, how, at which point; chosen by a seed."""

from __future__ import annotations

import random
from typing import NamedTuple

SYNC, DEFERRABLE = "sync", "deferrable"
BOTH = (SYNC, DEFERRABLE)
TASK, WORKER, TRIGGERER = "task", "worker", "triggerer"
SCHEDULER, API_SERVER, CONNECTION = "scheduler", "api-server", "connection"
KILL, STOP = "kill", "stop"
CUTS = ("cut", "half-cut", "stall")

BEFORE_INTENT = "before the intent"
AFTER_INTENT = "after the intent"
DURING_POST = "during the POST"
AFTER_POST = "after the POST"
BEFORE_DEFER = "before defer"
POLLING = "while polling"
RESUMING = "event to resume"
CHECKING = "output check"
CANCELLING = "during cancel"
POINTS = (
    BEFORE_INTENT,
    AFTER_INTENT,
    DURING_POST,
    AFTER_POST,
    BEFORE_DEFER,
    POLLING,
    RESUMING,
    CHECKING,
    CANCELLING,
)
# Points that last too short to be met by chance: something is slowed first, for one
# strike of a mode at a time.
ARMED = (AFTER_INTENT, DURING_POST, AFTER_POST, CHECKING, CANCELLING)
# Who can be struck at a point: first whoever does the work there, then those it leans on.
_VICTIMS = {
    (BEFORE_INTENT, BOTH): (TASK, WORKER, SCHEDULER, API_SERVER),
    (AFTER_INTENT, BOTH): (TASK, WORKER, CONNECTION),
    (DURING_POST, BOTH): (TASK, WORKER, CONNECTION),
    (AFTER_POST, BOTH): (TASK, WORKER, API_SERVER, CONNECTION),
    (BEFORE_DEFER, (DEFERRABLE,)): (TASK, WORKER, API_SERVER),
    (POLLING, (SYNC,)): (TASK, WORKER, SCHEDULER, API_SERVER, CONNECTION),
    (POLLING, (DEFERRABLE,)): (TRIGGERER, SCHEDULER, API_SERVER, CONNECTION),
    (RESUMING, (DEFERRABLE,)): (TRIGGERER, WORKER, SCHEDULER, API_SERVER),
    (CHECKING, BOTH): (TASK, WORKER, CONNECTION),
    (CANCELLING, (SYNC,)): (TASK, WORKER, CONNECTION),
    (CANCELLING, (DEFERRABLE,)): (TASK, WORKER, TRIGGERER, CONNECTION),
}
# Seconds a process stands still. A worker and a triggerer stand longer than the cluster's patience
# with them (20 and 10 s), so that others take over their work before they come back.
_STANDSTILL = {TASK: 6.0, WORKER: 28.0, TRIGGERER: 16.0, SCHEDULER: 15.0, API_SERVER: 8.0}


class Cell(NamedTuple):
    """One square of the matrix: a point, a mode and a victim."""

    point: str
    mode: str
    victim: str


class Strike(NamedTuple):
    """One fault: *how* is ``kill`` (SIGKILL), ``stop`` (SIGSTOP, SIGCONT after *seconds*), or a cut.

    *dice*, in [0, 1), makes the choices left to the moment: which of several tasks, which worker.
    """

    number: int
    cell: Cell
    how: str
    seconds: float
    dice: float


def cells() -> list[Cell]:
    """Return the whole matrix, in the order of a task's life."""
    return [
        Cell(point, mode, victim)
        for (point, modes), victims in _VICTIMS.items()
        for mode in modes
        for victim in victims
    ]


def program(seed: int, *, kills: int, stops: int, cuts: int) -> list[Strike]:
    """Return the strikes of a seed in their order.

    Every square of the matrix that is killed or cut comes once before any comes twice.
    """
    dice = random.Random(seed)  # noqa: S311 - a program of faults must be repeatable
    processes = [cell for cell in cells() if cell.victim != CONNECTION]
    connections = [cell for cell in cells() if cell.victim == CONNECTION]
    plan = [(cell, KILL) for cell in _spread(processes, kills, dice)]
    plan += [(cell, STOP) for cell in _spread(processes, stops, dice)]
    plan += [(cell, dice.choice(CUTS)) for cell in _spread(connections, cuts, dice)]
    dice.shuffle(plan)
    return [
        Strike(number, cell, how, _seconds(cell, how), dice.random())
        for number, (cell, how) in enumerate(plan, 1)
    ]


def _seconds(cell: Cell, how: str) -> float:
    if how == STOP:
        return _STANDSTILL[cell.victim]
    return 8.0 if how == "stall" else 0.0


def _spread(found: list[Cell], count: int, dice: random.Random) -> list[Cell]:
    spread: list[Cell] = []
    while len(spread) < count:
        spread += dice.sample(found, len(found))
    return spread[:count]
