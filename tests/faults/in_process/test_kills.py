"""A sample of the kill matrix and of the seeded runs: each process is killed with SIGKILL.

All of it: ``make test-faults-quick``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from faults.in_process.campaign import carry_out
from faults.in_process.plans import draw_plan
from faults.in_process.sample import sample

if TYPE_CHECKING:
    from airflow_provider_fabml.local.azurite import Azurite

pytestmark = pytest.mark.azurite


@pytest.mark.timeout(900)
@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_a_kill_at_any_point_costs_no_second_job_and_no_result(lake: Azurite, deferrable: bool):
    """One job for each attempt, named by the result, with its output checked."""
    plans = sample(deferrable=deferrable)
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
