"""Whether a job is cancelled when its task is told to stop: only if a person or a deadline asked (D7).

Being told to stop says nothing: a worker's SIGTERM may be a rolling restart, a trigger's ``on_kill`` its
move to another triggerer. What Airflow has the task for says it. The table of all cases is
``operators/README.md``.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

# Words of ours beside Airflow's task states: the task has none (it was just cleared), and the task is
# no longer there (its run was deleted).
CLEARED, GONE = "cleared", "gone"
# Ended by somebody else than the task itself: a person, or the run's ``dagrun_timeout`` (skipped).
_ENDED = frozenset({"failed", "success", "skipped", "upstream_failed", "removed", GONE})
# A try is on its way to a worker: the next one after a Clear, or this one, resumed.
_ON_ITS_WAY = frozenset({"scheduled", "queued", "up_for_retry", "up_for_reschedule"})


class Fate(Enum):
    """What to do with the job of a task that was told to stop."""

    GO_ON = "the task still waits for the job"
    CANCEL = "a person, or a limit of the run, ended the task"
    LEAVE = "the job is left as it is"
    FORGET = "the job is left as it is, and the next try starts another"
    ASK_AGAIN = "a try is on its way to a worker"


class Wish(NamedTuple):
    """What the operator's author wants: ``on_clear`` and ``on_timeout`` are ``cancel`` or ``leave``."""

    cancel_on_kill: bool = True
    on_clear: str = "cancel"
    on_timeout: str = "cancel"

    @property
    def may_cancel(self) -> bool:
        """Whether being told to stop can cancel the job at all."""
        return self.cancel_on_kill or self.on_clear == "cancel"


def fate_on_worker(state: str, wish: Wish) -> Fate:
    """The fate of the job that a worker waits for, by the state Airflow has for the task.

    ``restarting`` is what a Clear makes of a running task, and the only sign of it (``max_tries`` may stay
    as it was). In any other state another try has the job. A word that is not known ends nothing.
    """
    if state == "restarting":
        return Fate.CANCEL if wish.on_clear == "cancel" else Fate.FORGET
    if state in _ENDED:
        return _cancel_if(wish.cancel_on_kill)
    if state in _ON_ITS_WAY | {CLEARED, "deferred"}:
        return Fate.LEAVE
    return Fate.GO_ON


def fate_in_triggerer(state: str, *, newest: bool, late: bool, wish: Wish) -> Fate:
    """The fate of a deferred task's job.

    ``newest`` says that the job is the one the task showed last: a deferred task with another one was
    cleared and waits for its next attempt. ``late`` says that the deadline has passed: then the task may
    have ended by itself, with the help of another triggerer, and ``on_timeout`` decides. Where a worker
    has the task, it settles the job.
    """
    if state == "deferred" and newest:
        return Fate.GO_ON
    if state in {CLEARED, "deferred"}:
        return _cancel_if(wish.on_clear == "cancel")
    if state in _ENDED:
        return _cancel_if(wish.cancel_on_kill and not (late and wish.on_timeout == "leave"))
    return Fate.ASK_AGAIN if state in _ON_ITS_WAY else Fate.LEAVE


def _cancel_if(wanted: bool) -> Fate:  # noqa: FBT001 - the name says what it is
    return Fate.CANCEL if wanted else Fate.LEAVE
