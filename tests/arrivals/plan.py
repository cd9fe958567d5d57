"""What lands where, when and in which shape: a value of its seed, with no clock and no storage."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from arrivals import shapes
from arrivals.facts import Place
from arrivals.trees import MARKED, QUIET, QUIET_FOR, TREES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arrivals.shapes import Step

# What the next version of a partition waits for: that a job has read the one before, ...
SCORED = "scored"
# ... hardly anything, so that no look can have called the one before complete, or ...
AT_ONCE = "at once"
# ... some time in which anything may have happened to the one before: nothing, an emission, a job.
ANY_TIME = "any time"
FIRST_DAY = date(2025, 1, 1)
# Half of all land in the first tenth of the time: runs then wait for longer than their lease.
BURST, FIRST_TENTH = 0.5, 0.1
LATE = 40.0


class Version(NamedTuple):
    """One state of a partition's data, written in steps; it begins `wait` seconds after `after`."""

    after: str
    wait: float
    steps: tuple[Step, ...]


class Landing(NamedTuple):
    """All that is ever written to one folder of a tree, from `at` seconds after the beginning."""

    tree: str
    folder: str
    at: float
    versions: tuple[Version, ...]
    junk: bool = False


class Strike(NamedTuple):
    """Something that is struck: processes are killed, storage stops for some seconds."""

    at: float
    victims: tuple[str, ...]
    seconds: float = 0.0


SCHEDULER, TRIGGERER, STORAGE = "scheduler", "triggerer", "Azurite"


def landings(seed: int, *, partitions: int, seconds: float) -> list[Landing]:
    """Give the partitions of both trees, and a few folders that are none and are never scored.

    :param seconds: within these every partition begins to land.
    """
    dice = random.Random(f"{seed} landings")  # noqa: S311 - a plan must be repeatable
    found = []
    for number in range(partitions):
        tree = TREES[number % len(TREES)]
        folder = f"date={FIRST_DAY + timedelta(days=number // len(TREES)):%Y-%m-%d}"
        at = dice.uniform(0, seconds * (FIRST_TENTH if dice.random() < BURST else 1))
        found.append(Landing(tree, folder, at, _versions(tree, dice)))
    found += [
        Landing(tree, folder, dice.uniform(0, seconds), (Version(ANY_TIME, 0, steps),), junk=True)
        for tree in TREES
        for folder, steps in shapes.junk(tree).items()
    ]
    return sorted(found, key=lambda landing: landing.at)


def slow(seed: int, landings: Sequence[Landing], count: int) -> frozenset[Place]:
    """Give the partitions whose job outlasts its lease.

    They are of the first half, and have one version: nothing waits for their jobs.
    """
    dice = random.Random(f"{seed} slow")  # noqa: S311
    single = [each for each in landings if not each.junk and len(each.versions) == 1]
    early = single[: max(len(single) // 2, count)]
    return frozenset(Place(each.tree, each.folder) for each in dice.sample(early, count))


def _versions(tree: str, dice: random.Random) -> tuple[Version, ...]:
    """One version for most; a restatement, a late file, or several, for three in ten."""
    land = {MARKED: shapes.marked, QUIET: shapes.quiet}[tree]
    first = Version(ANY_TIME, 0, land(dice))
    return (first, *(_next(tree, dice) for _ in range(dice.choices([0, 1, 2], [7, 2, 1])[0])))


def _next(tree: str, dice: random.Random) -> Version:
    after = dice.choices([SCORED, AT_ONCE, ANY_TIME], [6, 2, 2])[0]
    longest = {SCORED: 8.0, AT_ONCE: QUIET_FOR / 3, ANY_TIME: LATE}[after]
    wait = dice.uniform(QUIET_FOR if after == ANY_TIME else 0, longest)
    change: Callable[[random.Random], tuple[Step, ...]] = dice.choice(
        [shapes.appended, shapes.restated_marked]
        if tree == MARKED
        else [shapes.late, shapes.restated]
    )
    return Version(after, wait, change(dice))


def strikes(seed: int, *, kills: int, restarts: int, seconds: float) -> list[Strike]:
    """Give `kills` of the scheduler, as many of the triggerer, and `restarts` of storage.

    They are spread over the seconds, one in each slot: two of one part never come close together.
    Where there are several kills, the last one takes scheduler and triggerer together.
    """
    dice = random.Random(f"{seed} strikes")  # noqa: S311
    victims: list[tuple[str, ...]] = [(STORAGE,)] * restarts
    victims += [(SCHEDULER,), (TRIGGERER,)] * (kills - 1 if kills > 1 else kills)
    dice.shuffle(victims)
    victims += [(SCHEDULER, TRIGGERER)] if kills > 1 else []
    slot = seconds / max(len(victims), 1)
    return [
        Strike(slot * (number + dice.uniform(0.3, 0.7)), each, dice.uniform(3, 6))
        for number, each in enumerate(victims)
    ]
