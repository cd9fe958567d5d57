"""The rules of readiness as a user writes them, also as text that a template rendered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.dates import EXAMPLE, dated
from airflow_provider_fabml.core.storage.glob import check_glob, is_magic
from airflow_provider_fabml.core.storage.manifest import is_entry
from airflow_provider_fabml.core.storage.predicate import parse_predicate
from airflow_provider_fabml.core.storage.rules import Rules
from airflow_provider_fabml.core.storage.rules_together import check_together
from airflow_provider_fabml.core.storage.uri_text import check_segments, check_text, has_jinja

RULE_NAMES = Rules._fields
# A longer silence is a mistyped unit: nobody waits longer for data of a day or a week.
MOST_QUIET = timedelta(days=8)


def parse_rules(
    *,
    glob: Any = None,
    min_count: Any = 1,
    min_bytes: Any = 0,
    min_file_bytes: Any = 0,
    marker: Any = None,
    marker_last: Any = True,
    quiet_for: Any = 0,
    allow_empty_files: Any = False,
    delta_version: Any = None,
    manifest: Any = None,
    predicate: Any = None,
    when: datetime | None = EXAMPLE,
) -> Rules:
    """Check and convert the rules.

    :param quiet_for: seconds or `timedelta`.
    :param when: the run's date, for names with directives such as ``%Y``.
    :raises UsageError: rules ``rules-*``, ``glob-*``, ``manifest-*``, ``predicate-*``, ``date-*``.
    """
    rules = Rules(
        glob=None if glob is None else check_glob(_dated(glob, when, "glob"), field="glob"),
        min_count=int(_number(min_count, field="min_count", whole=True)),
        min_bytes=int(_number(min_bytes, field="min_bytes", whole=True)),
        min_file_bytes=int(_number(min_file_bytes, field="min_file_bytes", whole=True)),
        marker=None if marker is None else _marker(_dated(marker, when, "marker")),
        marker_last=parse_flag(marker_last, field="marker_last"),
        quiet_for=_quiet(quiet_for),
        allow_empty_files=parse_flag(allow_empty_files, field="allow_empty_files"),
        delta_version=_version(delta_version),
        manifest=None if manifest is None else _manifest(manifest, when),
        predicate=None if predicate is None else parse_predicate(predicate),
    )
    check_together(rules)
    return rules


def rules_are_final(values: Mapping[str, Any]) -> bool:
    """Whether no value waits to be rendered (Jinja, or the output of another task)."""
    return all(map(_is_final, values.values()))


def _is_final(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_final, value.values()))
    plain = isinstance(value, (str, int, float, timedelta, type(None))) or callable(value)
    return plain and not has_jinja(value)


def _dated(value: Any, when: datetime | None, field: str) -> Any:
    return dated(value, when, field=field) if isinstance(value, str) else value


def _version(value: Any) -> int | None:
    """A rendered template may say None in words."""
    if value in (None, "None", ""):
        return None
    return int(_number(value, field="delta_version", whole=True))


def _quiet(value: Any) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    number = _number(seconds, field="quiet_for", whole=False)
    if number > MOST_QUIET.total_seconds():
        raise UsageError(
            rule="rules-quiet-long",
            field="quiet_for",
            value=value,
            reason=f"this is longer than {MOST_QUIET.days} days; are these milliseconds?",
            remedy="write seconds, or a timedelta.",
        )
    return number


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


def quiet_warning(quiet_for: float, timeout: float) -> str | None:
    """Say what a silence longer than the wait means; no mistake where the data is old already."""
    if quiet_for < timeout or not quiet_for:
        return None
    return (
        f"quiet_for = {quiet_for:g} s is not shorter than timeout = {timeout:g} s: what is written "
        "while this waits is never ready. Remedy: make timeout longer than quiet_for."
    )


def _as_float(value: Any) -> float:
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _marker(value: Any) -> str:
    marker = check_text(value, field="marker")
    if is_magic(marker) or marker.endswith("/"):
        raise UsageError(
            rule="rules-marker",
            field="marker",
            value=marker,
            reason="a marker is one exact file name below the path",
            remedy="write e.g. _SUCCESS; use glob for patterns.",
        )
    if "_temporary" in marker.split("/"):
        raise UsageError(
            rule="rules-marker-temporary",
            field="marker",
            value=marker,
            reason="what lies in _temporary is moved away, so this marker vanishes again",
            remedy="name the marker where it is moved to, e.g. _SUCCESS.",
        )
    return check_segments(marker, value=marker, field="marker")


def _manifest(value: Any, when: datetime | None) -> str | dict[str, int | None]:
    if isinstance(value, Mapping):
        return {_dated(name, when, "manifest"): size for name, size in _expected(value).items()}
    name = check_text(_dated(value, when, "manifest"), field="manifest")
    if is_magic(name) or name.endswith("/"):
        raise UsageError(
            rule="manifest-name",
            field="manifest",
            value=name,
            reason="a manifest is one exact file name below the path",
            remedy="write e.g. files.json, or give the files: {'a.csv': 10}.",
        )
    return check_segments(name, value=name, field="manifest")


def _expected(value: Mapping[Any, Any]) -> dict[str, int | None]:
    if not value:
        raise UsageError(
            rule="manifest-empty",
            field="manifest",
            value={},
            reason="no file is expected, so nothing would be waited for",
            remedy="name the files, e.g. {'a.csv': 10, 'b.csv': None}.",
        )
    odd = {name: size for name, size in value.items() if not is_entry(name, size)}
    if odd:
        raise UsageError(
            rule="manifest-entry",
            field="manifest",
            value=odd,
            reason="an entry is a file name and its size in bytes, or None for any size",
            remedy="write e.g. {'a.csv': 10, 'b.csv': None}.",
        )
    if any(map(has_jinja, value)):
        raise UsageError(
            rule="manifest-template",
            field="manifest",
            value=dict(value),
            reason="Airflow renders the values of a mapping and not its names",
            remedy="write dates as %Y-%m-%d, or name the files in a JSON file (manifest='m.json').",
        )
    for name in value:
        check_segments(name, value=name, field="manifest")
    return dict(value)


def parse_flag(value: Any, *, field: str) -> bool:
    """Read True or False, also as text.

    :raises UsageError: rule ``rules-flag``.
    """
    text = str(value).lower()
    if text not in {"true", "false"}:
        raise UsageError(
            rule="rules-flag",
            field=field,
            value=value,
            reason="this is neither true nor false",
            remedy="write True or False.",
        )
    return text == "true"
