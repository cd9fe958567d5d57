"""A sample of the kill matrix: each process is killed with SIGKILL.

All of it: ``make test-faults-quick``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from faults.in_process.campaign import carry_out
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
