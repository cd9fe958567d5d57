"""What is to happen to one task instance: drawn from a seed, or one kill at every point in turn."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from faults.in_process.effects import Moment


class Kill(NamedTuple):
    """Die at the effect number ``gap`` (from 1) after the last kill, as close to ``moment`` as it allows."""

    gap: int
    moment: Moment


@dataclass(frozen=True)
class Plan:
    """One task instance's fate."""

    seed: int
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
    """What ``retries`` is in the DAG file from the second try on."""
    failures: int = 0
    """How many jobs end Failed before one completes."""
    looks: int = 2
    """At which look a job has ended."""
    strangers: int = 0
    """Jobs that other people start between a kill and the next try."""
    map_index: int = -1

    @property
    def has_marks(self) -> bool:
        """Whether the service keeps anything that tells our job from others."""
        uri = self.switches.get("keeps_output_uri", "yes") != "no"
        return uri or bool(self.switches.get("stores_tags", True))


POSITIONS: dict[str, tuple[Any, ...]] = {
    "honours_request_id": (False, True),
    "honours_name": ("no", "display_name", "job_name"),
    "stores_tags": (True, False),
    "keeps_output_uri": ("yes", "no", "long_form"),
    "output_exists": ("fail", "stale"),
    "list_order": ("newest_first", "oldest_first"),
    "page_size": (30, 2),
    "vintage": ("2023-04", "2023-03", "2022-12"),
    "kind": ("model", "pipeline"),
}


def covering_rows(positions: dict[str, tuple[Any, ...]], seed: int = 0) -> list[dict[str, Any]]:
    """Rows in which every two positions of two switches meet at least once (greedy)."""
    draw = random.Random(seed)
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
    return rows


def _pairs(row: dict[str, int], names: list[str]) -> set[tuple[tuple[str, int], tuple[str, int]]]:
    return {((a, row[a]), (b, row[b])) for n, a in enumerate(names) for b in names[n + 1 :]}


def draw_plan(seed: int, row: dict[str, Any]) -> Plan:
    """A plan with several kills at random points; the same for the same seed."""
    draw = random.Random(seed)
    switches = {name: value for name, value in row.items() if name != "kind"}
    kills = tuple(
        Kill(draw.randint(1, 45), draw.choice(list(Moment)))
        for _ in range(draw.choice((1, 1, 2, 3, 4)))
    )
    failures = draw.choice((0, 0, 0, 1))
    return Plan(
        seed=seed,
        deferrable=draw.random() < 0.5,
        kind=row["kind"],
        switches=switches,
        kills=kills,
        clears=draw.choice(((), (), ("finished",), ("waiting",), ("waiting", "finished"))),
        hook_late=draw.random() < 0.5,
        retries=len(kills) + failures + 1,
        edited_retries=draw.choice((None, None, len(kills) + failures + 3)),
        failures=failures,
        looks=draw.randint(1, 4),
        strangers=draw.choice((0, 0, 1, 3)),
        map_index=draw.choice((-1, -1, 0, 5)),
    )
