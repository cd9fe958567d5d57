"""Whether what a completed job left behind is its result."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_fabml.core.jobs.output_check import OutputFacts, facts_to_json, refuse_output

SUBMITTED = datetime(2026, 1, 1, 12, tzinfo=UTC)
GOOD = OutputFacts(1, 100, SUBMITTED, 10)


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        (GOOD, None),
        (GOOD._replace(rows=None), None),
        (GOOD._replace(newest=SUBMITTED - timedelta(seconds=60)), None),
        (GOOD._replace(newest=None), None),
        (GOOD._replace(newest=SUBMITTED - timedelta(seconds=61)), "a stale result"),
        (OutputFacts(0, 0, None), "nothing lies at"),
        (GOOD._replace(bytes=0), "has no rows"),
        (GOOD._replace(rows=0), "has no rows"),
    ],
)
def test_a_result_is_there_new_and_has_rows(facts: OutputFacts, refusal: str | None) -> None:
    """An old file that silently stays is no result, and clocks may differ by a minute."""
    said = refuse_output("azureml://x", facts, SUBMITTED)
    assert (said is None) == (refusal is None)
    assert (refusal or "") in (said or "")


def test_without_a_time_of_submit_age_is_not_judged() -> None:
    """A job that someone else started may not tell when."""
    assert refuse_output("u", GOOD._replace(newest=SUBMITTED - timedelta(days=9)), None) is None


def test_facts_are_plain_json() -> None:
    """They go into XComs and asset events."""
    stamp = "2026-01-01T12:00:00+00:00"
    assert facts_to_json(GOOD) == {"files": 1, "bytes": 100, "rows": 10, "newest": stamp}
    assert facts_to_json(OutputFacts(0, 0, None))["newest"] is None
