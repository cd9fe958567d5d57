"""A few of the seeded lives.

All of them: ``make test-faults-quick``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from faults.in_process.campaign import carry_out
from faults.in_process.plans import draw_plan

if TYPE_CHECKING:
    from airflow_provider_fabml.local.azurite import Azurite

pytestmark = pytest.mark.azurite


@pytest.mark.timeout(900)
def test_seeded_lives_end_with_one_job_for_each_attempt(lake: Azurite):
    """Several kills at random points, Clears, edited DAG files and faulty answers on top."""
    outcome = carry_out(lake, [draw_plan(seed) for seed in range(6)])
    print(outcome.tally.table())
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.tally.kills.total() >= 6
