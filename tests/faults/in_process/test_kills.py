"""A sample of the kill matrix and of the seeded runs: each process is killed with SIGKILL.

All of it: ``make test-faults-quick``.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from faults.in_process.campaign import carry_out
from faults.in_process.effects import Moment
from faults.in_process.plans import Kill, Plan, covering_rows, draw_plan, switches_of

if TYPE_CHECKING:
    from airflow_provider_fabml.local.azurite import Azurite

pytestmark = pytest.mark.azurite
_LOST = Kill(1, Moment.UNANSWERED, "worker:POST job")
# Of each life: where it dies.
_AIMS = {
    "calm": (
        *(Kill(1, moment, "worker:POST job") for moment in Moment),
        Kill(1, Moment.BEFORE, "worker:store intent"),
        Kill(1, Moment.UNANSWERED, "worker:store handle"),
        Kill(2, Moment.BEFORE, "worker:storage"),
    ),
    "lost": (Kill(1, Moment.BEFORE, "worker:list jobs"),),
    "cleared": (Kill(1, Moment.UNANSWERED, "worker:POST cancel"),),
}
_WHILE_DEFERRED = (
    Kill(1, Moment.UNANSWERED, "worker:DeferTask"),
    Kill(1, Moment.BEFORE, "trigger:GET job"),
    Kill(1, Moment.BEFORE, "trigger:event"),
    Kill(1, Moment.UNANSWERED, "trigger:event"),
    Kill(1, Moment.BEFORE, "resumed:storage"),
    Kill(1, Moment.BEFORE, "resumed:SucceedTask"),
)
_ON_A_WORKER = (
    Kill(2, Moment.BEFORE, "worker:GET job"),
    Kill(1, Moment.BEFORE, "worker:SucceedTask"),
)


def _sample(*, deferrable: bool) -> list[Plan]:
    """Every point of one mode, the switches' positions in turn."""
    own = _WHILE_DEFERRED if deferrable else _ON_A_WORKER
    kills = [("calm", kill) for kill in own]
    kills += [(life, kill) for life, some in _AIMS.items() for kill in some]
    rows = itertools.cycle(covering_rows())
    return [
        Plan(
            f"sample/{life}/{kill}",
            deferrable,
            row["kind"],
            switches_of(row),
            kills=(_LOST, kill) if life == "lost" else (kill,),
            clears=("waiting",) if life == "cleared" else (),
            retries=3,
            looks=3,
            exact=True,
        )
        for (life, kill), row in zip(kills, rows, strict=False)
    ]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_a_kill_at_any_point_costs_no_second_job_and_no_result(lake: Azurite, deferrable: bool):
    """One job for each attempt, named by the result, with its output checked."""
    plans = _sample(deferrable=deferrable)
    outcome = carry_out(lake, plans)
    print(outcome.tally.table())
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.tally.sums["runs"] == len(plans)


@pytest.mark.timeout(900)
def test_seeded_lives_end_with_one_job_for_each_attempt(lake: Azurite):
    """Several kills at random points, Clears, edited DAG files and faulty answers on top."""
    outcome = carry_out(lake, [draw_plan(seed) for seed in range(16)])
    print(outcome.tally.table())
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.tally.kills.total() >= 16
