"""How tools land a partition, step by step: names are relative to its folder, gaps are seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from arrivals.trees import MARKED, MARKER, QUIET_FOR

if TYPE_CHECKING:
    import random

# Between two writes of one version: well below what the quiet tree waits for.
LONGEST_GAP = QUIET_FOR / 4


class Step(NamedTuple):
    """One change of storage, `gap` seconds after the one before.

    `verb` is ``write`` (a table of `rows`, or 0 bytes), ``mkdir``, ``delete`` or ``rename``, which
    goes to `to`.
    """

    gap: float
    verb: str
    name: str
    rows: int = 0
    to: str = ""


def marked(dice: random.Random) -> tuple[Step, ...]:
    """Land a partition; its marker is written last."""
    return (*quiet(dice), Step(dice.uniform(0, LONGEST_GAP), "write", MARKER))


def quiet(dice: random.Random) -> tuple[Step, ...]:
    """Land a partition: file by file, through ``_temporary``, or with files that are empty first."""
    names = [f"part-{number}.csv" for number in range(dice.randint(1, 4))]
    return dice.choice([_plainly, _through_temporary, _empty_first])(names, dice)


def restated(dice: random.Random) -> tuple[Step, ...]:
    """Write the first file anew, larger than any before, and sometimes another one."""
    again = _plainly(["part-0.csv", "part-9.csv"][: dice.randint(1, 2)], dice)
    return tuple(step._replace(rows=step.rows + 10) for step in again)


def restated_marked(dice: random.Random) -> tuple[Step, ...]:
    """Take the marker away, write anew, set the marker."""
    gap = dice.uniform(0, LONGEST_GAP)
    return Step(0, "delete", MARKER), *restated(dice), Step(gap, "write", MARKER)


def late(dice: random.Random) -> tuple[Step, ...]:
    """One more file."""
    return (Step(0, "write", f"late-{dice.randrange(10_000):04}.csv", _rows(dice)),)


def appended(dice: random.Random) -> tuple[Step, ...]:
    """Two more files below the old marker, which is then written anew.

    The first comes a second after it at least: storage's times are whole seconds.
    """
    gaps = [1.0, dice.uniform(0, LONGEST_GAP), dice.uniform(0, LONGEST_GAP)]
    files = [step._replace(gap=gap) for gap in gaps[:2] for step in late(dice)]
    return *files, Step(gaps[2], "write", MARKER)


def junk(tree: str) -> dict[str, tuple[Step, ...]]:
    """Folders beside the partitions that are none, or never become complete."""
    data = Step(0, "write", "part-0.csv", 3)
    marker = (Step(0, "write", MARKER),)
    found = {
        "date=2025-01-01-old": (data, *marker),
        "date=2025-13-45": (data, *marker),
        "date=2025-1-1": (data, *marker),
        "backup/date=2025-01-01": (data, *marker),
        "date=2019-01-01": (Step(0, "mkdir", "."), *marker),
        "date=2019-01-02": (Step(0, "write", "_temporary/0/part-0.csv", 3), *marker),
        "date=2019-01-03": (Step(0, "write", "part-0.csv"), *marker),
        "date=2019-01-04": (Step(0, "write", ".part-0.csv.crc", 3), *marker),
        f"../{tree}-old/date=2025-01-01": (data, *marker),
    }
    return {**found, "date=2019-01-05": (data,)} if tree == MARKED else found


def _rows(dice: random.Random) -> int:
    return dice.randint(2, 9)


def _plainly(names: list[str], dice: random.Random) -> tuple[Step, ...]:
    return tuple(Step(dice.uniform(0, LONGEST_GAP), "write", name, _rows(dice)) for name in names)


def _through_temporary(names: list[str], dice: random.Random) -> tuple[Step, ...]:
    """Spark's commit: all files below ``_temporary``, then each is moved to its place."""
    written = _plainly([f"_temporary/0/{name}" for name in names], dice)
    moved = [Step(dice.uniform(0, 1), "rename", f"_temporary/0/{n}", to=n) for n in names]
    return (*written, *moved)


def _empty_first(names: list[str], dice: random.Random) -> tuple[Step, ...]:
    """The DFS endpoint: all files are there with 0 bytes before the first has content."""
    created = [Step(dice.uniform(0, 0.5), "write", name) for name in names]
    return (*created, *_plainly(names, dice))
