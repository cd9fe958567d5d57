"""What is seen of a task instance from outside, and at which point of its life that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from faults import strikes

if TYPE_CHECKING:
    from collections.abc import Mapping


class Key(NamedTuple):
    """One task instance; ``map_index`` is -1 for a task that is not mapped."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @property
    def mode(self) -> str:
        """``sync`` or ``deferrable``."""
        return self.dag_id.removeprefix("faults_")


class Seen(NamedTuple):
    """A task instance as the metadata database shows it now.

    ``record`` is what the operator wrote down in the task state store; ``resumed`` is True once the
    trigger's event has come.
    """

    key: Key
    try_number: int
    state: str | None
    pid: int | None
    resumed: bool
    triggerer_id: int | None
    record: Mapping[str, Any] | None

    @property
    def job_name(self) -> str | None:
        """The job that the operator has written down."""
        job = (self.record or {}).get("job")
        return job["job_name"] if job else None

    @property
    def invocation_id(self) -> str | None:
        """The invocation that the operator has written down, answered or not."""
        return (self.record or {}).get("invocation_id")


class Facts(NamedTuple):
    """What the emulator and the proxies know about the same task instance.

    ``posted``: its invocation has made a job. ``held``: the proxy holds what it has sent.
    ``ended``: its job has ended. ``checking``: it has spoken to storage since then.
    ``cancelling``: a cancellation of its earlier job has been asked for.
    """

    posted: bool = False
    held: bool = False
    ended: bool = False
    checking: bool = False
    cancelling: bool = False


def is_at(point: str, seen: Seen, facts: Facts) -> bool:
    """Return whether the task instance is at *point*."""
    return _TESTS[point](seen, facts)


def _works(seen: Seen) -> bool:
    return seen.state == "running" and seen.pid is not None


def _starts(seen: Seen) -> bool:
    return _works(seen) and not seen.resumed


def _intends(seen: Seen) -> bool:
    return _starts(seen) and seen.record is not None and seen.job_name is None


def _polls(seen: Seen, facts: Facts) -> bool:
    if seen.job_name is None or facts.ended:
        return False
    if seen.key.mode == strikes.SYNC:
        return _works(seen)
    return seen.state == "deferred" and seen.triggerer_id is not None


def _checks(seen: Seen, facts: Facts) -> bool:
    return _works(seen) and seen.job_name is not None and facts.ended and facts.checking


def _defers(seen: Seen) -> bool:
    return seen.key.mode == strikes.DEFERRABLE and _starts(seen) and seen.job_name is not None


_TESTS = {
    strikes.BEFORE_INTENT: lambda seen, _: _starts(seen) and seen.record is None,
    strikes.AFTER_INTENT: lambda seen, facts: _intends(seen) and facts.held,
    strikes.DURING_POST: lambda seen, facts: _intends(seen) and facts.held,
    strikes.AFTER_POST: lambda seen, facts: _intends(seen) and facts.posted,
    strikes.BEFORE_DEFER: lambda seen, facts: _defers(seen) and not facts.ended,
    strikes.POLLING: _polls,
    strikes.RESUMING: lambda seen, _: seen.resumed and seen.state in {"scheduled", "queued"},
    strikes.CHECKING: _checks,
    strikes.CANCELLING: lambda seen, facts: (
        seen.state in {"running", "restarting"} and facts.cancelling
    ),
}
