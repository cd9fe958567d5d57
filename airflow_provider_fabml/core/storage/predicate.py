"""A user's own rule is named by ``module:function``, so that it survives the way to a triggerer."""

from __future__ import annotations

import re
import types
from typing import Any

from airflow_provider_fabml.core.errors import UsageError

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_REMEDY = (
    "put a function (name, size, etag, last_modified) -> bool into a module that workers and "
    "triggerer can import (a package, or the plugins folder), and write module:function."
)
# Airflow loads a DAG file under a name of its own, which no other process can import.
_NOT_IMPORTABLE = ("__main__", "unusual_prefix_")


def parse_predicate(value: Any) -> str:
    """Give the path of a predicate, of its text or of the function itself.

    :raises UsageError: rules ``predicate-*``.
    """
    path = value if isinstance(value, str) else _path_of(value)
    if not _PATH.fullmatch(path):
        raise UsageError(
            rule="predicate-path",
            field="predicate",
            value=path,
            reason="this is no module:function",
            remedy=_REMEDY,
        )
    if path.startswith(_NOT_IMPORTABLE):
        raise UsageError(
            rule="predicate-dag-file",
            field="predicate",
            value=path,
            reason="a function of the DAG file itself cannot be imported elsewhere",
            remedy=_REMEDY,
        )
    return path


def _path_of(value: Any) -> str:
    if not isinstance(value, types.FunctionType):
        raise UsageError(
            rule="predicate-type",
            field="predicate",
            value=type(value).__name__,
            reason="a predicate is a function of a module, or its path",
            remedy=_REMEDY,
        )
    if "<" in value.__qualname__:
        raise UsageError(
            rule="predicate-nested",
            field="predicate",
            value=value.__qualname__,
            reason="a lambda, or a function within a function, has no name to be imported by",
            remedy=_REMEDY,
        )
    return f"{value.__module__}:{value.__qualname__}"
