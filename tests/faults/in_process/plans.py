"""What is to happen to one task instance: drawn from a seed, or one kill at every point in turn."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from faults.in_process.effects import Moment

# Longer than anything here takes between an intent and a look-up, short enough to wait for.
SETTLE = 2.0


class Kill(NamedTuple):
    """Die at the effect number ``gap`` (from 1) after the last kill, as close to ``moment`` as it allows.

    With an ``aim`` (``worker:POST job``) only such effects count.
    """

    gap: int
    moment: Moment
    aim: str = ""

    def __str__(self) -> str:
        return f"{self.aim or 'effect'}#{self.gap} {self.moment}"


@dataclass(frozen=True)
class Plan:
    """One task instance's fate."""

    name: str
    """What replays it."""
    deferrable: bool
    kind: str = "model"
    switches: dict[str, Any] = field(default_factory=dict)
    kills: tuple[Kill, ...] = ()
    clears: tuple[str, ...] = ()
    """``waiting``: while the job runs; ``finished``: once the task has ended."""
    hook_late: bool = False
    """Whether the old trigger's ``on_kill`` comes after the next try's execute (as seen in Airflow)."""
    retries: int = 0
    edited_retries: int | None = None
    """What ``retries`` is in the DAG file once it was edited."""
    edited_at: int = 2
    """The try before which the DAG file was edited."""
    failures: int = 0
    """How many jobs end Failed before one completes."""
    looks: int = 2
    """At which look a job has ended."""
    strangers: int = 0
    """Jobs that other people start between a kill and the next try."""
    map_index: int = -1
    other_inputs: bool = False
    """Whether the mapping gives this index other inputs from the second try on."""
    others_cleared: bool = False
    """Whether other tasks of the run are cleared between tries."""
    months_later: bool = False
    """Whether a Clear comes two months after."""
    faults: int = 0
    """Seed of the service's own faults; 0 for none."""
    settle: float = SETTLE
    """Seconds that a look-up waits for a job to be listed."""
    late: bool = False
    """Whether a request on its way arrives only after every look-up."""
    exact: bool = False
    """Whether each kill has to happen; where an aim is drawn, its effect may never come."""

    @property
    def tellable(self) -> bool:
        """Whether our job can be told from others: by its URI, or by its tag where all have one."""
        uri = self.switches.get("keeps_output_uri", "yes") != "no"
        return uri or (bool(self.switches.get("stores_tags", True)) and not self.strangers)

    @property
    def listed_late(self) -> bool:
        """Whether lists show a new job only after a while."""
        return bool(self.switches.get("listed_after_seconds"))


POSITIONS: dict[str, tuple[Any, ...]] = {
    "honours_request_id": (False, True),
    "honours_name": ("no", "display_name", "job_name"),
    "stores_tags": (True, False),
    "keeps_output_uri": ("yes", "no", "long_form"),
    "output_exists": ("fail", "stale"),
    "list_order": ("newest_first", "oldest_first", "random"),
    "listed_after_seconds": (0, 0.7),
    "page_size": (30, 2),
    "vintage": ("2023-04", "2023-03", "2022-12"),
    "kind": ("model", "pipeline"),
}


@functools.cache
def covering_rows() -> tuple[dict[str, Any], ...]:
    """Rows in which every two positions of two switches meet at least once (greedy)."""
    draw, positions = random.Random(0), POSITIONS  # noqa: S311 - no secret
    names = list(positions)
    missing = {
        ((a, i), (b, j))
        for n, a in enumerate(names)
        for b in names[n + 1 :]
        for i in range(len(positions[a]))
        for j in range(len(positions[b]))
    }
    rows = []
    while missing:
        candidates = [
            {name: draw.randrange(len(positions[name])) for name in names} for _ in range(40)
        ]
        best = max(candidates, key=lambda row: len(missing & _pairs(row, names)))
        if gain := missing & _pairs(best, names):
            missing -= gain
            rows.append({name: positions[name][index] for name, index in best.items()})
    return tuple(rows)


def _pairs(row: dict[str, int], names: list[str]) -> set[tuple[tuple[str, int], tuple[str, int]]]:
    return {((a, row[a]), (b, row[b])) for n, a in enumerate(names) for b in names[n + 1 :]}


_AIMS = (
    "worker:store intent", "worker:POST job", "worker:POST job", "worker:POST job", "worker:store handle",
    "worker:list jobs", "worker:DeferTask", "trigger:GET job", "trigger:event", "worker:POST cancel",
    "kill hook:POST cancel", "resumed:storage", "worker:storage",
)  # fmt: skip


def _draw_kill(draw: random.Random) -> Kill:
    moment = draw.choice(list(Moment))
    if draw.random() < 0.5:
        return Kill(draw.randint(1, 30), moment)
    return Kill(1, moment, draw.choice(_AIMS))


def draw_plan(seed: int) -> Plan:
    """A plan with several kills at random points; the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311 - to be repeated, no secret
    row = draw.choice(covering_rows())
    kills = tuple(_draw_kill(draw) for _ in range(draw.choice((1, 1, 2, 3, 4))))
    failures = draw.choice((0, 0, 0, 1))
    faults = seed + 1 if draw.random() < 0.3 else 0
    return Plan(
        name=f"seed/{seed}",
        deferrable=draw.random() < 0.5,
        kind=row["kind"],
        switches=switches_of(row),
        kills=kills,
        clears=draw.choice(((), (), ("finished",), ("waiting",), ("waiting", "finished"))),
        hook_late=draw.random() < 0.5,
        retries=len(kills) + failures + 1,
        edited_retries=draw.choice((None, None, len(kills) + failures + 3)),
        failures=failures,
        looks=draw.randint(1, 4),
        strangers=0 if faults else draw.choice((0, 0, 1, 3)),
        map_index=draw.choice((-1, -1, 0, 5)),
        other_inputs=draw.random() < 0.2,
        others_cleared=draw.random() < 0.2,
        months_later=draw.random() < 0.2,
        faults=faults,
    )


def switches_of(row: dict[str, Any]) -> dict[str, Any]:
    """The emulator's switches in a row of positions."""
    return {name: value for name, value in row.items() if name != "kind"}
