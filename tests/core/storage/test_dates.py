"""Dates in names, and everything else that a percent sign may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.dates import (
    DIRECTIVES,
    check_dates,
    dated,
    has_dates,
    run_date,
)

WHEN = datetime(2026, 1, 5, 7, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("date=%Y-%m-%d", "date=2026-01-05"),
        ("year=%Y/month=%m/day=%d/hour=%H", "year=2026/month=01/day=05/hour=07"),
        ("%Y%m%d/%H%M", "20260105/0708"),
        ("%y/%j", "26/005"),
        ("week=%G-W%V", "week=2026-W02"),
        ("100%%/%Y", "100%/2026"),
        ("%%Y", "%Y"),
        ("50%", "50%"),
        ("a%20b/%Y", "a%20b/2026"),
        ("%C3%A4/%Y", "%C3%A4/2026"),
        ("%c3%a4%D0%B0", "%c3%a4%D0%B0"),
        ("50%/x", "50%/x"),
        ("plain", "plain"),
    ],
)
def test_directives_are_written_and_the_rest_survives(text, written):
    """Only the named parts of a date are replaced; escapes and single signs stay."""
    assert dated(text, WHEN, field="path") == written


def test_a_name_without_a_date_needs_none():
    """A run without a date may watch a fixed folder, and is refused for a dated one."""
    assert dated("a%20b", None, field="path") == "a%20b"
    with pytest.raises(UsageError, match="run_after") as caught:
        dated("date=%Y", None, field="path")
    assert caught.value.rule == "date-missing"


def test_the_date_of_a_run():
    """A partition's date comes first, then the interval's start; all in UTC, as ``ds`` is."""
    berlin = datetime(2026, 1, 6, 0, 30, tzinfo=timezone(timedelta(hours=1)))

    assert run_date(None, None, None) is None
    assert run_date(None, None, WHEN) == WHEN
    assert run_date(None, berlin, WHEN) == berlin
    assert dated("%d", run_date(berlin, WHEN, None), field="path") == "05"


@given(st.text("%Ymd0aZ/-", max_size=12))
def test_any_text_is_written_or_refused(text):
    """What is not refused keeps its text where it has no directive, and has none afterwards."""
    try:
        check_dates(text, field="path")
    except UsageError:
        return
    written = dated(text, WHEN, field="path")
    if "%" not in text:
        assert written == text
    if "%%" not in text:
        assert not any(f"%{letter}" in written for letter in DIRECTIVES)
        assert has_dates(text) == (written != text)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_different_days_are_different_folders(one, other):
    """A full date names its day, and no other."""
    folders = [dated("%Y/%m/%d", when, field="path") for when in (one, other)]
    assert (folders[0] == folders[1]) == (one.date() == other.date())
