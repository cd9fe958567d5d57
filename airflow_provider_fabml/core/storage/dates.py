"""Dates in names: ``date=%Y-%m-%d`` becomes the folder of a run's date.

The few directives whose text sorts and names one moment are taken; all other ``%`` stay as they are
(URLs escape with it), and ``%%`` is the character itself.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from airflow_provider_fabml.core.errors import UsageError

# 4 digits of year, then month, day, hour, minute, day of year, 2 digits of year, ISO year, ISO week
DIRECTIVES = "YmdHMjyGV"
EXAMPLE = datetime(2026, 1, 5, tzinfo=UTC)
_PERCENT = re.compile(r"%(.)", re.DOTALL)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def has_dates(text: object) -> bool:
    """Whether a date must be known before this names a place."""
    return isinstance(text, str) and any(
        found[1] in DIRECTIVES for found in _PERCENT.finditer(text)
    )


def run_date(
    partition_date: datetime | None,
    data_interval_start: datetime | None,
    logical_date: datetime | None,
) -> datetime | None:
    """Give the date that a run is for, in UTC as ``{{ ds }}`` is, or None if it is for none.

    Partitioned runs have only the first, runs of a timetable and of a backfill the other two; a run
    started by an asset, or by hand without a logical date, has none of them in Airflow 3.3.
    """
    found = partition_date or data_interval_start or logical_date
    return None if found is None else found.astimezone(UTC)


def dated(text: str, when: datetime | None, *, field: str) -> str:
    """Write the date into a text; one without directives needs none.

    :raises UsageError: rules ``date-*``.
    """
    check_dates(text, field=field)
    if when is None and has_dates(text):
        raise UsageError(
            rule="date-missing",
            field=field,
            value=text,
            reason="this run has no date (started by an asset or by hand, without a logical date)",
            remedy="give the run a logical date or a partition date, or name the folder by what "
            "this kind of run has: {{ partition_key }}, or {{ dag_run.run_after | ds }}.",
        )
    return _PERCENT.sub(lambda found: _written(found, when or EXAMPLE), text)


def _written(found: re.Match[str], when: datetime) -> str:
    if found[1] == "%":
        return "%"
    return when.strftime(found[0]) if found[1] in DIRECTIVES else found[0]


def check_dates(text: str, *, field: str) -> None:
    """Refuse what looks like a date and is none.

    :raises UsageError: rules ``date-directive``, ``date-ambiguous``.
    """
    marks = [text[found.start() : found.start() + 3] for found in _PERCENT.finditer(text)]
    if any(
        mark[1].isalpha() and mark[1] not in DIRECTIVES and not _is_escape(mark) for mark in marks
    ):
        raise UsageError(
            rule="date-directive",
            field=field,
            value=text,
            reason=f"after % stands none of {' '.join(DIRECTIVES)}, the parts a date has here",
            remedy="write e.g. date=%Y-%m-%d, or %% for the character itself.",
        )
    if any(mark[1] == "d" and _is_escape(mark) for mark in marks):
        raise UsageError(
            rule="date-ambiguous",
            field=field,
            value=text,
            reason="this may be the day of the month or an escaped byte",
            remedy="put a character between the day and what follows, or escape in upper case (%D0).",
        )


def _is_escape(mark: str) -> bool:
    return _ESCAPE.fullmatch(mark) is not None
