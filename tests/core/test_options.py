"""Choices that are checked when the DAG file is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.options import (
    check_options,
    check_poll_interval,
    deadline_of,
    post_time_of,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_good_options_pass() -> None:
    """Every choice that exists is taken."""
    for kind in (None, "model", "pipeline"):
        for choice in ("cancel", "leave"):
            check_options(deployment_kind=kind, on_clear=choice, on_timeout=choice, poll_interval=1)


@pytest.mark.parametrize("value", [0.9, 86401, True, "30", None, float("nan")])
def test_a_poll_interval_is_a_number_of_seconds(value: object) -> None:
    """From a second to a day."""
    with pytest.raises(UsageError, match="86400"):
        check_poll_interval(value)


@pytest.mark.parametrize(("limit", "left"), [(3600, 3595), (50, 45), (10, 9), (1, 0.9)])
def test_our_deadline_comes_before_airflows(limit: float, left: float) -> None:
    """Five seconds, or a tenth of a short limit, are left to settle the job."""
    assert deadline_of(START, timedelta(seconds=limit)) == START + timedelta(seconds=left)
    assert deadline_of(START, None) is None
    assert deadline_of(None, timedelta(seconds=limit)) is None


@pytest.mark.parametrize(("limit", "seconds"), [(None, 70), (3600, 70), (100, 50), (4, 2)])
def test_a_post_has_the_time_of_a_request_or_half_a_short_limit(
    limit: float | None, seconds: float
) -> None:
    """So that one which starts in time is heard of before the deadline."""
    given = None if limit is None else timedelta(seconds=limit)
    assert post_time_of(given, timedelta(seconds=70)) == timedelta(seconds=seconds)
