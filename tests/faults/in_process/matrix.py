"""Every point of a task's life, in both modes, in every position of the service's switches."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from faults.in_process.effects import CANCELLING, LOOKING_UP, Effect, Moment, point_of
from faults.in_process.one_run import OneRun
from faults.in_process.plans import Kill, Plan, covering_rows, switches_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from faults.in_process.story import Story
    from faults.in_process.world import World


class Place(NamedTuple):
    """A kill in a life that is otherwise as in ``life``."""

    life: Plan
    kill: Kill
    point: str


def lives() -> list[Plan]:
    """Lives that pass every point: undisturbed, after a lost answer, and cleared while the job runs."""
    lost = Kill(1, Moment.UNANSWERED, "worker:POST job")
    return [
        Plan(
            f"{kind}/{'deferrable' if deferrable else 'sync'}/{name}",
            deferrable,
            kind,
            looks=3,
            **more,
        )
        for kind, deferrable in itertools.product(("model", "pipeline"), (False, True))
        for name, more in (
            ("calm", {}),
            ("lost", {"kills": (lost,), "retries": 1}),
            ("cleared", {"clears": ("waiting",)}),
        )
    ]


def places(world: World) -> list[Place]:
    """Run each life once to learn its points; the points of the calm one count once."""
    found = []
    for life in lives():
        story = OneRun(world, life).go()
        if story.state != "success":
            raise RuntimeError(f"{life.name} ended {story.state}: {story.log[-1]}")
        calm = not (life.kills or life.clears)
        found += [
            place
            for place in _places(life, story)
            if calm or place.point in {LOOKING_UP, CANCELLING}
        ]
    return found


def _places(life: Plan, story: Story) -> Iterator[Place]:
    """Around every write, and once in each stretch of reads: kills that leave different worlds behind."""
    effects: Sequence[Effect] = story.effects[story.since_kill :]
    seen: set[str] = set()
    counts: Counter[Effect] = Counter()
    phase, stretch = "", None
    for effect in effects:
        if effect.phase != phase or effect.name == "SetRenderedFields":  # another process
            phase, seen = effect.phase, set()
        counts[effect] += 1
        if effect.name == "XCom part" and counts[effect] > 1:  # one for each entry of the result
            continue
        for moment in effect.moments:
            point = point_of(effect, moment, seen, deferrable=life.deferrable)
            here = (phase, point, effect.name if len(effect.moments) > 1 else "reads")
            if moment is not Moment.BEFORE or here != stretch:
                aim = f"{effect.phase}:{effect.name}"
                yield Place(life, Kill(counts[effect], moment, aim), point)
            stretch = here
        seen.add(effect.name)


def full(found: Iterable[Place]) -> list[Plan]:
    """Every place in every row of switches."""
    return [
        _plan(place, row) for row, place in itertools.product(_rows(), found) if _fit(place, row)
    ]


def quick(found: Sequence[Place]) -> list[Plan]:
    """Every place at least once, and every point in each mode in every position of every switch."""
    chosen: list[tuple[Place, int]] = []
    covered: set[Any] = set()
    every = [(p, n) for p in found for n, row in enumerate(_rows()) if _fit(p, row)]
    for place in found:
        best = max((c for c in every if c[0] == place), key=lambda c: len(_meets(*c) - covered))
        chosen.append(best)
        covered |= _meets(*best)
    while missing := set().union(*(_meets(*c) for c in every)) - covered:
        best = max(every, key=lambda c: len(_meets(*c) & missing))
        chosen.append(best)
        covered |= _meets(*best)
    return [_plan(place, _rows()[number]) for place, number in chosen]


def _rows() -> tuple[dict[str, Any], ...]:
    return covering_rows()


def _fit(place: Place, row: dict[str, Any]) -> bool:
    return bool(row["kind"] == place.life.kind)


def _meets(place: Place, number: int) -> set[Any]:
    """What this run would cover: (point, mode, switch, position)."""
    row = _rows()[number]
    return {(place.point, place.life.deferrable, name, value) for name, value in row.items()}


def _plan(place: Place, row: dict[str, Any]) -> Plan:
    number = _rows().index(row)
    life, kill = place.life, place.kill
    return replace(
        life,
        name=f"matrix/row{number}/{life.name}/{kill}",
        kills=(*life.kills, kill),
        retries=life.retries + 2,
        switches=switches_of(row),
        exact=True,
    )
