"""What stands in a watcher: nobody renders it, and no other task gives it its value."""

from __future__ import annotations

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.uri_text import has_none, redact, waits


def check_written(value: object, *, field: str) -> None:
    """Refuse a value that is still to come, or that was meant to come.

    :raises UsageError: rules ``written-template``, ``written-none``.
    """
    if waits(value):
        raise UsageError(
            rule="written-template",
            field=field,
            value=redact(value) if isinstance(value, str) else type(value).__name__,
            reason="Airflow renders nothing in a watcher, so this would be taken literally",
            remedy="write the value itself.",
        )
    if isinstance(value, str) and has_none(value):
        raise UsageError(
            rule="written-none",
            field=field,
            value=redact(value),
            reason="a part of it is the word None: a variable of the DAG file had no value",
            remedy="look at where the DAG file takes it from.",
        )


def check_written_text(value: object, *, field: str, example: str) -> str:
    """Give a text that must be there.

    :raises UsageError: rule ``written-text``, and those of `check_written`.
    """
    check_written(value, field=field)
    if not isinstance(value, str) or not value:
        raise UsageError(
            rule="written-text",
            field=field,
            value=value,
            reason="this must be text, and not empty",
            remedy=f"write e.g. {example!r}.",
        )
    return value
