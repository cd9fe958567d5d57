"""A path as something to wait for: shapes that would be waited for in vain are refused."""

from __future__ import annotations

from typing import Any

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.dates import EXAMPLE, dated
from airflow_provider_fabml.core.storage.location import check_path_shape
from airflow_provider_fabml.core.storage.uri_text import redact, waits

_MARKERS = {"_SUCCESS", "_committed", "_started"}


def check_watched_path(path: Any, *, field: str, when: Any = EXAMPLE) -> None:
    """Refuse a path that no wait can end at; what still waits for its value passes.

    :raises UsageError: rules ``path-pattern``, ``path-temporary``, ``path-delta-log``,
        ``path-marker``, ``date-*``, and those of `check_path_shape`.
    """
    if waits(path):
        return
    written = dated(path, when, field=field) if isinstance(path, str) else path
    check_path_shape(written, field=field)
    segments, shown = path.rstrip("/").split("/"), redact(path)
    if "*" in path:
        raise UsageError(
            rule="path-pattern",
            field=field,
            value=shown,
            reason="a path names one folder or file, it is no pattern",
            remedy="end the path before the *, and write the rest into glob.",
        )
    if "_temporary" in segments:
        raise UsageError(
            rule="path-temporary",
            field=field,
            value=shown,
            reason="what lies in _temporary is moved away when it is complete",
            remedy="watch the folder it is moved to.",
        )
    if "_delta_log" in segments:
        raise UsageError(
            rule="path-delta-log",
            field=field,
            value=shown,
            reason="this is the log of a table, not its data",
            remedy="wait for the table's folder with OneLakeShortcutSensor, and delta_version=0 or the "
            "version that is wanted.",
        )
    if segments[-1] in _MARKERS:
        raise UsageError(
            rule="path-marker",
            field=field,
            value=shown,
            reason="this is a marker and no data",
            remedy=f"watch its folder, with marker={segments[-1]!r}.",
        )
