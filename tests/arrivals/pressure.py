"""Whether a run was as hard as it says: what was lost, killed and stopped, and whose lease ended.

Minima scale with the run: where so few are expected that none may come, none is asked for.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from arrivals import messages
from arrivals.plan import SCHEDULER, TRIGGERER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from arrivals.facts import Emission, Place, Scored, Skip

# A share strays by fewer standard deviations than that, and where nine are expected, one comes.
STRAYS, SURE = 4, 9
# An emission's event is stored so many seconds after its lease began, at most.
SLACK = 30.0
SHARES = {
    "lost": ("changes", messages.LOST),
    "doubled": ("changes", messages.DOUBLED * (1 - messages.LOST)),
    "poison": ("changes", messages.POISON),
    "late": ("sent", messages.LATE),
}


class Asked(NamedTuple):
    """What a run was asked to be: `seconds` of landing, `slow` jobs that outlast the `lease`."""

    seconds: float
    kills: int
    restarts: int
    lease: float
    slow: int

    @property
    def outlasts(self) -> bool:
        """Whether it goes on for so long that leases must end."""
        return self.seconds >= 2 * self.lease


class Again(NamedTuple):
    """How many versions were emitted again because their lease ended, and what came of it.

    `waiting` had no job yet, of `running` there was one; `sooner` were emitted again within their lease.
    `met` counts runs that were skipped while the job of the same version ran.
    """

    waiting: int
    running: int
    sooner: int
    met: int


class Felt(NamedTuple):
    """What a run was; `messages` is None where no queue was asked for."""

    messages: Mapping[str, int] | None
    killed: Mapping[str, int]
    storage: tuple[int, int]
    retried: int
    fewest_looks: int
    again: Again


def again(
    emissions: Iterable[Emission], jobs: Iterable[Scored], skips: Iterable[Skip], lease: float
) -> Again:
    """Count what was emitted more than once; a version counts once under each word."""
    times: dict[tuple[Place, str], list[float]] = defaultdict(list)
    for each in emissions:
        times[each.place, each.digest].append(each.at)
    by_version = {(job.place, job.digest or ""): job for job in jobs}
    waiting, running, sooner = set(), set(), set()
    for version, found in times.items():
        job = by_version.get(version)
        for before, at in itertools.pairwise(found):
            if at - before < lease - SLACK:
                sooner.add(version)
            elif job is not None and job.seen < at:
                running.add(version)
            else:
                waiting.add(version)
    met = sum(_runs(by_version.get((skip.place, skip.digest)), skip.at) for skip in skips)
    return Again(len(waiting), len(running), len(sooner), met)


def _runs(job: Scored | None, at: float) -> bool:
    return job is not None and job.seen < at < (job.written or at)


def skipped(skips: Sequence[Skip], jobs: Iterable[Scored]) -> tuple[int, int]:
    """Count the runs that left newer data to another run, and those whose data another run had."""
    scored = {(job.place, job.digest) for job in jobs}
    taken = sum((skip.place, skip.digest) in scored for skip in skips)
    return len(skips) - taken, taken


def too_little(asked: Asked, felt: Felt) -> list[str]:
    """Name what was not as hard as it was asked to be."""
    stopped, started = felt.storage
    counts = {
        "SIGKILL of the scheduler": (felt.killed.get(SCHEDULER, 0), asked.kills),
        "SIGKILL of the triggerer": (felt.killed.get(TRIGGERER, 0), asked.kills),
        "storage stopped": (stopped, asked.restarts),
        "storage started": (started, asked.restarts),
    }
    found = [f"{name}: {seen}, not {wish}" for name, (seen, wish) in counts.items() if seen != wish]
    if asked.restarts and not felt.retried:
        found.append("no write met a storage that was away")
    if not felt.fewest_looks:
        found.append("no router looked during some job")
    found += _messages(felt.messages) if felt.messages is not None else []
    return found + _leases(asked, felt.again)


def _messages(counts: Mapping[str, int]) -> list[str]:
    found = []
    for name, (of, share) in SHARES.items():
        least, most = bounds(counts.get(of, 0), share)
        if not least <= counts.get(name, 0) <= most:
            found.append(f"messages {name}: {counts.get(name, 0)}, not {least} to {most}")
    least = {
        "overtaken": counts.get("late", 0) // 10,
        "set aside as poison": counts.get("poison", 0) - counts.get("left in the queues", 0),
    }
    few = {name: count for name, count in least.items() if counts.get(name, 0) < count}
    return found + [
        f"messages {name}: {counts.get(name, 0)}, not {few[name]} or more" for name in few
    ]


def bounds(count: int, share: float) -> tuple[int, int]:
    """Give how many of so many are at least and at most expected, each with that probability."""
    mean, strays = count * share, STRAYS * sqrt(count * share * (1 - share))
    return max(int(mean - strays), int(mean >= SURE)), int(mean + strays) + 1


def _leases(asked: Asked, seen: Again) -> list[str]:
    must = {"waiting": asked.outlasts, "running": asked.slow, "met": asked.slow}
    return [
        f"emitted again, {name}: none"
        for name, wanted in must.items()
        if wanted and not getattr(seen, name)
    ]
