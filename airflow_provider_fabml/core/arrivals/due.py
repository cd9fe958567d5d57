"""Which partitions are due: ready, minus finished, minus in flight (D9).

The ledger is written by a task before Airflow registers its partitions, which it does when the task
has succeeded. So an emission may not have gone out: the try that wrote it died. A retry of the same
task instance knows its own emissions and makes them again at once; those of a task that never came
back are *lost* when their lease ends, and are made again by whoever looks then.

======================  ==========================================================================
newest emission         what becomes of a ready partition
======================  ==========================================================================
none, or other data     due, unless a manifest says that this very data was scored, or failed
by this task instance   due: its event did not go out, or a person cleared the task to have it again
within its lease        in flight
lost                    due, up to `tries` times in all; then failed
finished                never due; failed: never due
asked for by a person   due; then as above, but only a run of that emission, or of a later one, ends it
======================  ==========================================================================

New data (another digest) and a person's request make any of them due. A request is kept through later
emissions of the same data (`core.arrivals.request`); `core.arrivals.outcome` says how scorings end. A run
that was only slow is not lost: it holds the claim (`core.arrivals.claim`), and the run of the later
emission is skipped, unless a person asked for that one since.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.arrivals.ledger import Entry, Ledger, State
from airflow_provider_fabml.core.arrivals.outcome import outcome
from airflow_provider_fabml.core.arrivals.short_digest import short

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime, timedelta

    from airflow_provider_fabml.core.arrivals.manifest import Manifest


class Policy(NamedTuple):
    """How long an emission may take until its manifest is there, and how often it is made.

    `limit` is the most that may be in flight at once; the others are due at later looks.
    """

    lease: timedelta
    tries: int = 3
    limit: int = 500


class Decision(NamedTuple):
    """What one look decides: keys in order, and the ledger to store before they go out."""

    due: tuple[str, ...]
    later: tuple[str, ...]
    finished: tuple[str, ...]
    in_flight: tuple[str, ...]
    failed: tuple[str, ...]
    ledger: Ledger

    def __str__(self) -> str:
        counted = {name: len(getattr(self, name)) for name in self._fields[:-1]}
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counted.items())

    @property
    def requested(self) -> dict[str, datetime]:
        """When a person asked for what is due, by key; nothing of what nobody asked for."""
        when = {key: self.ledger[key].requested_at for key in self.due}
        return {key: at for key, at in when.items() if at is not None}


class _Is(Enum):
    DUE = "due"
    FINISHED = "finished"
    IN_FLIGHT = "in_flight"
    FAILED = "failed"


def undecided(ready: Mapping[str, str], ledger: Ledger) -> set[str]:
    """Give the partitions whose manifests must be read; `ready` is digests by key."""
    return {
        key
        for key, digest in ready.items()
        if key not in ledger
        or ledger[key].state is not State.FINISHED
        or not ledger[key].is_of(digest)
    }


def due(
    ready: Mapping[str, str],
    manifests: Iterable[Manifest],
    ledger: Ledger,
    now: datetime,
    *,
    present: Collection[str],
    policy: Policy,
    by: str,
    requested: Collection[str] = (),
    order: Callable[[str], tuple[str, str]],
) -> Decision:
    """Decide.

    :param ready: digests of the complete partitions, by key.
    :param manifests: those of the partitions that are `undecided`; others do not harm.
    :param now: the storage's clock, which manifests bear the time of, and leases are measured by.
    :param present: all partitions that storage has something of; entries of others are dropped.
    :param by: the task instance that will emit.
    :param requested: keys that a person wants again.
    """
    scored: dict[str, list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        scored[manifest.partition].append(manifest)
    author = hashlib.sha256(by.encode()).hexdigest()[:8]
    groups: dict[_Is, list[str]] = defaultdict(list)
    after = {key: entry for key, entry in ledger.items() if key in present}
    for key in sorted(ready, key=order):
        entry = ledger.get(key)
        entry = entry if entry is not None and entry.is_of(ready[key]) else None
        ended = outcome(scored[key], ready[key], entry)
        entry = _ended(entry, ready[key], ended) if ended is not None else entry
        found = _Is.DUE if key in requested else _judge(entry, now, policy, author)
        groups[found].append(key)
        if found in {_Is.FINISHED, _Is.FAILED}:
            state = State.FINISHED if found is _Is.FINISHED else State.FAILED
            after[key] = _ended(entry, ready[key], state)
    room = policy.limit - len(groups[_Is.IN_FLIGHT])
    mine = {key for key in groups[_Is.DUE] if key in ledger and ledger[key].by == author}
    going, later = _portion(groups[_Is.DUE], mine, room)
    for key in {*later} & {*requested}:
        after[key] = _noted(ready[key], now)
    for key in going:
        entry = ledger.get(key)
        after[key] = _emitted(entry, ready[key], now, author, anew=key in requested)
    return Decision(
        tuple(going),
        tuple(later),
        tuple(groups[_Is.FINISHED]),
        tuple(groups[_Is.IN_FLIGHT]),
        tuple(groups[_Is.FAILED]),
        after,
    )


def _portion(keys: list[str], mine: set[str], room: int) -> tuple[list[str], list[str]]:
    """Give what goes out and what does not; first what an earlier try has in the ledger already."""
    others = [key for key in keys if key not in mine]
    free = max(room - len(mine), 0)
    going = mine.union(others[:free])
    return [key for key in keys if key in going], others[free:]


def _judge(entry: Entry | None, now: datetime, policy: Policy, author: str) -> _Is:
    """Judge a ready partition without a manifest; `entry` is about its present data, or None."""
    if entry is None:
        return _Is.DUE
    if entry.state is not State.EMITTED:
        return _Is.FINISHED if entry.state is State.FINISHED else _Is.FAILED
    if entry.by == author:
        return _Is.DUE
    if now.timestamp() < entry.at + policy.lease.total_seconds():
        return _Is.IN_FLIGHT
    return _Is.DUE if entry.emissions < policy.tries else _Is.FAILED


def _ended(entry: Entry | None, digest: str, state: State) -> Entry:
    return (entry or Entry(short(digest), state))._replace(state=state)


def _noted(digest: str, now: datetime) -> Entry:
    """Keep a request that this look emits nothing for: nothing is in flight, and nothing ends it."""
    return Entry(short(digest), State.EMITTED, asked=int(now.timestamp()))


def _emitted(entry: Entry | None, digest: str, now: datetime, author: str, *, anew: bool) -> Entry:
    """Count an emission; another try of the same task instance makes the same one again."""
    at = int(now.timestamp())
    if entry is None or not entry.is_of(digest):
        return Entry(short(digest), State.EMITTED, at, 1, author, at if anew else 0)
    again = entry.by == author
    before = 0 if anew else entry.emissions - again
    asked = at if anew and not (again and entry.asked) else entry.asked
    return Entry(short(digest), State.EMITTED, at, before + 1, author, asked)
