"""Choices that are not sent to the service: checked when the DAG file is read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.scoring.kind_rules import parse_kind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

CHOICES = ("cancel", "leave")
# Our deadline comes this much before Airflow's own timeout, so that the job is settled first.
DEADLINE_MARGIN = timedelta(seconds=5)


def check_options(
    *, deployment_kind: object, on_clear: object, on_timeout: object, poll_interval: Any
) -> None:
    """Raises ``UsageError`` for a choice that does not exist."""
    parse_kind(deployment_kind)
    _check_choice("on_clear", on_clear)
    _check_choice("on_timeout", on_timeout)
    check_poll_interval(poll_interval)


def _check_choice(field: str, value: object) -> None:
    if value not in CHOICES:
        raise UsageError(
            rule="choice-unknown",
            field=field,
            value=value,
            reason="there are two choices for the job",
            remedy=f"use one of {', '.join(CHOICES)}",
        )


def check_keywords(given: Mapping[str, Any], known: Collection[str], *, of: str) -> None:
    """Refuse a keyword that a class does not take.

    :param of: the class that the user calls.
    :raises UsageError: rule ``keyword-unknown``.
    """
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise UsageError(
            rule="keyword-unknown",
            field=unknown,
            value=given[unknown],
            reason=f"{of} has no such keyword",
            remedy=f"{instead_of(unknown, known)}.",
        )


def instead_of(unknown: str, known: Collection[str]) -> str:
    """What to do with a keyword that does not exist: the one of the known that is most like it."""
    import difflib

    meant = difflib.get_close_matches(unknown, sorted(known), n=1)
    return f"write {meant[0]}" if meant else "leave it out"


def is_number(value: Any, low: float, high: float) -> bool:
    """Whether it is a number of this range, and not True, which Python counts as 1."""
    return not isinstance(value, bool) and isinstance(value, (int, float)) and low <= value <= high


def check_poll_interval(value: Any) -> None:
    """A poll interval is a number of seconds, at least one (the service's quota is shared)."""
    if not is_number(value, 1, 86400):
        raise UsageError(
            rule="poll-interval",
            field="poll_interval",
            value=value,
            reason="it is a number of seconds from 1 to 86400",
            remedy="use e.g. 30",
        )


def deadline_of(start: datetime | None, limit: timedelta | None) -> datetime | None:
    """The instant at which we stop waiting: start + limit, less a margin (at most a tenth)."""
    if limit is None or start is None:
        return None
    return start + limit - min(DEADLINE_MARGIN, limit / 10)


def post_time_of(limit: timedelta | None, request_time: timedelta) -> timedelta:
    """How long a job-creating POST may take: what a request may, at most half of the limit.

    No POST starts later than this before the deadline, so that its answer is heard.
    """
    return request_time if limit is None else min(request_time, limit / 2)
