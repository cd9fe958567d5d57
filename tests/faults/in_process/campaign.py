"""Carries out many plans, each in a world whose switches stand as it wants."""

from __future__ import annotations

import itertools
import json
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from faults.in_process.one_run import OneRun
from faults.in_process.tally import Tally
from faults.in_process.verdict import judge
from faults.in_process.world import world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from faults.in_process.plans import Plan
    from faults.in_process.world import World

    from airflow_provider_fabml.local.azurite import Azurite

REPLAY = "PYTHONPATH=tests .venv/bin/python -m faults.in_process --only {name!r}"


@dataclass
class Outcome:
    """All of it; ``failures`` tell what was wrong and how to see it again."""

    tally: Tally = field(default_factory=Tally)
    failures: list[str] = field(default_factory=list)


def carry_out(
    azurite: Azurite, plans: Iterable[Plan], tell: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Run plans; those of a matrix that want the same switches share a world, a seed has its own."""
    outcome = Outcome()
    by_switches = sorted(plans, key=_world_of)
    for _, group in itertools.groupby(by_switches, key=_world_of):
        some = list(group)
        with world(azurite, some[0].switches) as place:
            for plan in some:
                _carry_out_one(place, plan, outcome)
                tell(plan.name)
    return outcome


def _world_of(plan: Plan) -> str:
    own = plan.name if plan.name.startswith("seed/") else ""  # nothing but the seed decides
    return json.dumps(plan.switches, sort_keys=True) + own


def _carry_out_one(place: World, plan: Plan, outcome: Outcome) -> None:
    run = OneRun(place, plan)
    try:
        story = run.go()
        verdict = judge(place, plan, story)
    except Exception:  # noqa: BLE001 - one run that broke must not hide the others
        outcome.failures.append(_failure(plan, run, traceback.format_exc()))
        return
    finally:
        place.control.clear_faults()
    outcome.tally.add(plan, story, verdict)
    if verdict.faults:
        outcome.failures.append(_failure(plan, run, "; ".join(verdict.faults)))


def _failure(plan: Plan, run: OneRun, what: str) -> str:
    log = "\n--\n".join(text[-1500:] for text in run.story.log)
    return f"{what}\n{plan}\nkilled: {run.story.kills}\nreplay: {REPLAY.format(name=plan.name)}\n{log}\n"
