"""The rules of readiness as a user writes them, also as text that a template rendered."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.glob import check_glob
from airflow_provider_fabml.core.storage.readiness import Rules
from airflow_provider_fabml.core.storage.uri_text import check_segments, check_text, has_jinja

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_rules(
    *,
    glob: Any = None,
    min_files: Any = 1,
    min_bytes: Any = 0,
    marker: Any = None,
    quiet_period: Any = 0,
    allow_empty_files: Any = False,
) -> Rules:
    """Check and convert the rules.

    :param quiet_period: seconds or `timedelta`.
    :raises UsageError: rules ``rules-*``, ``glob-*``.
    """
    if isinstance(quiet_period, timedelta):
        quiet_period = quiet_period.total_seconds()
    rules = Rules(
        glob=None if glob is None else check_glob(glob, field="glob"),
        min_files=int(_number(min_files, field="min_files", whole=True)),
        min_bytes=int(_number(min_bytes, field="min_bytes", whole=True)),
        marker=None if marker is None else _marker(marker),
        quiet_period=_number(quiet_period, field="quiet_period", whole=False),
        allow_empty_files=_flag(allow_empty_files),
    )
    if rules.min_files == 0 and rules.marker is None:
        raise UsageError(
            rule="rules-nothing",
            field="min_files",
            value=0,
            reason="with no file and no marker wanted, an empty container is ready at once",
            remedy="write min_files=1, or name a marker.",
        )
    return rules


def rules_are_final(values: Mapping[str, Any]) -> bool:
    """Whether no value waits to be rendered (Jinja, or the output of another task)."""
    plain = (str, int, float, timedelta, type(None))
    return all(isinstance(value, plain) and not has_jinja(value) for value in values.values())


def _number(value: Any, *, field: str, whole: bool) -> float:
    number = _as_float(value)
    fits = math.isfinite(number) and number >= 0 and (number.is_integer() or not whole)
    if not fits:
        raise UsageError(
            rule="rules-number",
            field=field,
            value=value,
            reason=f"this is no {'whole ' if whole else ''}number of zero or more",
            remedy="write e.g. 5.",
        )
    return number


def _as_float(value: Any) -> float:
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _marker(value: Any) -> str:
    marker = check_text(value, field="marker")
    if any(character in marker for character in "*?[") or marker.endswith("/"):
        raise UsageError(
            rule="rules-marker",
            field="marker",
            value=marker,
            reason="a marker is one exact file name below the path",
            remedy="write e.g. _SUCCESS; use glob for patterns.",
        )
    return check_segments(marker, value=marker, field="marker")


def _flag(value: Any) -> bool:
    text = str(value).lower()
    if text not in {"true", "false"}:
        raise UsageError(
            rule="rules-flag",
            field="allow_empty_files",
            value=value,
            reason="this is neither true nor false",
            remedy="write True or False.",
        )
    return text == "true"
