"""Judges a run over plain values: each version of each partition is scored once, nothing else is.

A version is what a partition held when its writer was done. It *must* be scored once if nothing has
replaced it, or if its writer waited until a job had read it. A version that was replaced
before that cannot be scored any more; it *may* have been, but never twice. A state between two versions
is none, unless its writer paused for longer than the tree's `quiet_for` says a writer does.
"""

from __future__ import annotations

import bisect
import itertools
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from arrivals.trees import QUIET, QUIET_FOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from arrivals.facts import Place, Scored, State, Wake


class Verdict(NamedTuple):
    """What was found. Each list must be empty; ``counts`` and ``wakes`` are for the reader."""

    missing: list[str]
    twice: list[str]
    extra: list[str]
    half_written: list[str]
    unfinished: list[str]
    wrong_rows: list[str]
    no_wake: list[str]
    counts: dict[str, int]
    wakes: tuple[int, float, int]

    @property
    def faults(self) -> dict[str, list[str]]:
        """Return what must not be."""
        found = self._asdict()
        return {name: found[name] for name in self._fields[:7] if found[name]}


def judge(states: Sequence[State], jobs: Sequence[Scored], wakes: Iterable[Wake]) -> Verdict:
    """Return the verdict once everything has ended.

    :param states: in the order of time.
    """
    versions = {(s.place, s.digest): s for s in states if s.complete}
    stalled = {(s.place, s.digest) for s in _stalled(states)} - set(versions)
    between = {(s.place, s.digest) for s in states if not s.junk} - set(versions) - stalled
    scored: dict[tuple[Place, str | None], list[Scored]] = defaultdict(list)
    for job in jobs:
        scored[job.place, job.digest].append(job)
    must = _must(states)
    looks = _looks(jobs, wakes)
    return Verdict(
        missing=[_named(key) for key in versions if key in must and key not in scored],
        twice=[f"{_named(k)}: {[j.name for j in made]}" for k, made in scored.items() if made[1:]],
        extra=[
            _named(key)
            for key in scored
            if key[1] and key not in versions and key not in stalled and key not in between
        ],
        half_written=[_named(key) for key in scored if key in between],
        unfinished=[
            f"{job.name} {job.state}" + ("" if job.digest else ", no manifest")
            for job in jobs
            if job.state != "Completed" or job.digest is None
        ],
        wrong_rows=[
            f"{_named(key)}: {made[0].rows} rows, written were {versions[key].rows}"
            for key, made in scored.items()
            if key in must and made[0].rows != versions[key].rows
        ],
        no_wake=[name for name, looked in looks.items() if not looked],
        counts={
            "partitions": len({s.place for s in states if not s.junk}),
            "folders that are none": len({s.place for s in states if s.junk}),
            "versions": len(versions),
            "that must be scored": len(must),
            "replaced too soon, not scored": len([k for k in versions if k not in scored]),
            "replaced too soon, scored": len(set(versions) & set(scored) - must),
            "pauses longer than quiet_for, scored": len(stalled & set(scored)),
            "jobs": len(jobs),
        },
        wakes=_summary(looks),
    )


def _must(states: Sequence[State]) -> set[tuple[Place, str]]:
    """Versions that nothing replaced, or only when a job had read them."""
    found = set()
    for own in _by_place(states).values():
        for state, after in zip(own, [*own[1:], None], strict=True):
            if state.complete and (after is None or after.waited):
                found.add((state.place, state.digest))
    return found


def _by_place(states: Sequence[State]) -> Mapping[Place, list[State]]:
    found: dict[Place, list[State]] = defaultdict(list)
    for state in states:
        found[state.place].append(state)
    return found


def _stalled(states: Sequence[State]) -> Iterable[State]:
    """States of the quiet tree that stayed for so long that its rule calls them complete."""
    for place, own in _by_place(states).items():
        for state, after in itertools.pairwise(own):
            # Storage's clock has whole seconds.
            paused = after.at - state.at > QUIET_FOR - 1
            if place.tree == QUIET and not state.complete and paused:
                yield state


def _looks(jobs: Sequence[Scored], wakes: Iterable[Wake]) -> dict[str, int]:
    """How many looks of the router lie between each job's start and its manifest."""
    by_tree: dict[str, list[Wake]] = defaultdict(list)
    for wake in sorted(wakes, key=lambda wake: wake.began):
        by_tree[wake.tree].append(wake)
    return {
        job.name: _within(by_tree[job.place.tree], job.seen, job.written)
        for job in jobs
        if job.written is not None
    }


def _within(wakes: Sequence[Wake], began: float, ended: float) -> int:
    first = bisect.bisect_left([wake.began for wake in wakes], began)
    return sum(wake.ended <= ended for wake in wakes[first:])


def _summary(looks: Mapping[str, int]) -> tuple[int, float, int]:
    values = list(looks.values()) or [0]
    return min(values), statistics.median(values), max(values)


def _named(key: tuple[Place, str | None]) -> str:
    return f"{key[0].tree}/{key[0].folder} {(key[1] or 'no digest')[:12]}"
