"""A caller's ``job_settings`` become values of the table's forms, or are refused before any request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.jobs.look_up import INVOCATION_TAG
from airflow_provider_fabml.core.scoring.settings import TABLE, Setting

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*\Z")  # the service keeps 64 bits
_ISO_SECONDS = re.compile(r"PT(\d+)S\Z", re.IGNORECASE)
_TRUTH = {"true": True, "false": False}
_LEVELS = {"info": "Info", "warning": "Warning", "debug": "Debug"}
# The service keeps 50 tags a run; some are its own (up to five in the recordings), some ours.
_MOST_TAGS = 38


def _fold(name: object) -> str:
    return str(name).replace("_", "").casefold()


_BY_NAME = {_fold(row.name): row for row in TABLE} | {
    # the SDK's `params_override` says instance_count, the deployment's YAML too
    "instancecount": next(row for row in TABLE if row.name == "ComputeInstanceCount")
}
# Other spellings of the same service fields, opened into rows of the table.
_NESTED = {"retrysettings": {"maxretries": "MaxRetries", "timeout": "RetryTimeout"}}


def parse_settings(settings: object) -> dict[str, Any]:
    """Settings by Fabric's name, with numbers that Jinja turned into text made numbers again.

    Accepts ``MiniBatchSize`` and ``mini_batch_size`` alike, and ``RetrySettings`` with
    ``MaxRetries`` and ``Timeout`` (seconds, or ISO 8601 ``PT30S``). Raises ``UsageError``.
    """
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise UsageError(
            rule="settings-not-a-mapping",
            field="job_settings",
            value=settings,
            reason="settings map names to values",
            remedy='write job_settings={"MiniBatchSize": 10}',
        )
    parsed: dict[str, Any] = {}
    for name, value in _flatten(settings):
        row = _BY_NAME.get(_fold(name))
        if row is None:
            raise UsageError(
                rule="setting-unknown",
                field=f"job_settings[{name!r}]",
                value=name,  # what stands under a name nobody knows may be a secret
                reason="the service has no such setting, and would ignore it",
                remedy=f"use one of {', '.join(known.name for known in TABLE)}",
            )
        if row.name in parsed:
            raise UsageError(
                rule="setting-twice",
                field=f"job_settings[{name!r}]",
                value=value,
                reason="the setting is given twice in two spellings",
                remedy="keep one of them",
            )
        parsed[row.name] = _parse(row, f"job_settings[{name!r}]", value)
    return parsed


def _flatten(settings: Mapping[Any, Any]) -> list[tuple[object, Any]]:
    flat: list[tuple[object, Any]] = []
    for name, value in settings.items():
        nested = _NESTED.get(_fold(name))
        if nested is None:
            flat.append((name, value))
            continue
        flat.extend(_open(str(name), nested, value))
    return flat


def _open(name: str, known: dict[str, str], value: object) -> list[tuple[object, Any]]:
    if not isinstance(value, Mapping):
        raise UsageError(
            rule="retry-settings-not-a-mapping",
            field=f"job_settings[{name!r}]",
            value=value,
            reason="retry settings are two values",
            remedy='write {"MaxRetries": 3, "Timeout": 30}',
        )
    for key in value:
        if _fold(key) not in known:
            raise UsageError(
                rule="retry-setting-unknown",
                field=f"job_settings[{name!r}][{key!r}]",
                value=key,
                reason="retry settings are MaxRetries and Timeout (seconds)",
                remedy="remove or rename it",
            )
    return [(known[_fold(key)], item) for key, item in value.items()]


def _parse(row: Setting, field: str, value: Any) -> Any:
    parse = _FORMS[row.form]
    return parse(row, field, value)


def _integer(row: Setting, field: str, value: Any) -> int:
    number = int(value) if isinstance(value, str) and _INTEGER.match(value) else value
    if isinstance(number, bool) or not isinstance(number, int):
        raise UsageError(
            rule="setting-not-an-integer",
            field=field,
            value=value,
            reason=f"{row.name} is a whole number",
            remedy="write it as a number, or as a template that renders to one",
        )
    if number < row.least:
        raise UsageError(
            rule="setting-too-small",
            field=field,
            value=value,
            reason=f"{row.name} is at least {row.least}",
            remedy=f"use {row.least} or more",
        )
    return number


def _seconds(row: Setting, field: str, value: Any) -> int:
    iso = _ISO_SECONDS.match(value) if isinstance(value, str) else None
    return _integer(row, field, iso.group(1) if iso else value)


def _boolean(row: Setting, field: str, value: Any) -> bool:
    truth = _TRUTH.get(value.strip().casefold()) if isinstance(value, str) else value
    if not isinstance(truth, bool):
        raise UsageError(
            rule="setting-not-a-boolean",
            field=field,
            value=value,
            reason=f"{row.name} is true or false",
            remedy="write True or False",
        )
    return truth


def _text(row: Setting, field: str, value: Any) -> str:
    if not isinstance(value, str) or len(value.strip()) < row.least or value == "None":
        raise UsageError(
            rule="setting-not-text",
            field=field,
            value=value,
            reason=f"{row.name} is text that says something",
            remedy="give the text, or leave the setting out",
        )
    if len(value) > 5000:
        raise UsageError(
            rule="setting-text-too-long",
            field=field,
            value=value,
            reason="the service keeps at most 5000 characters",
            remedy="shorten it",
        )
    return value


def _file_name(row: Setting, field: str, value: Any) -> str:
    name = _text(row, field, value)
    if not name.strip() or name in {".", ".."} or re.search(r"[/\\?#%\x00-\x1f]", name):
        raise UsageError(
            rule="output-file-name-form",
            field=field,
            value=value,
            reason="it is one file name: no path, and no ? # % that a URL would read otherwise",
            remedy="write e.g. predictions.csv, and put folders into output_root",
        )
    return name


def _level(row: Setting, field: str, value: Any) -> str:
    level = _LEVELS.get(str(value).casefold())
    if level is None:
        raise UsageError(
            rule="logging-level-unknown",
            field=field,
            value=value,
            reason=f"{row.name} is Info, Warning or Debug",
            remedy="use one of the three",
        )
    return level


def _tags(_row: Setting, field: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise UsageError(
            rule="tags-not-a-mapping",
            field=field,
            value=value,
            reason="tags map names to values",
            remedy='write {"team": "risk"}',
        )
    if len(value) > _MOST_TAGS:
        raise UsageError(
            rule="tags-too-many",
            field=field,
            value=len(value),
            reason=f"the service keeps 50 tags, its own and Airflow's included, so {_MOST_TAGS} are left",
            remedy="drop some, or write several facts into one tag",
        )
    tags = {str(name): str(item) for name, item in value.items()}
    for name, item in tags.items():
        if name.casefold() == INVOCATION_TAG:
            raise UsageError(
                rule="tag-reserved",
                field=f"{field}[{name!r}]",
                value=item,
                reason="a job whose answer was lost is found again by this tag",
                remedy="choose another name",
            )
        if not 0 < len(name) <= 100 or len(item) > 1000:
            raise UsageError(
                rule="tag-too-long",
                field=f"{field}[{name[:40]!r}]",
                value=item,
                reason="a tag's name has 1 to 100 characters and its value at most 1000",
                remedy="shorten it",
            )
    return tags


_FORMS = {
    "integer": _integer,
    "seconds": _seconds,
    "boolean": _boolean,
    "text": _text,
    "file name": _file_name,
    "level": _level,
    "tags": _tags,
}
