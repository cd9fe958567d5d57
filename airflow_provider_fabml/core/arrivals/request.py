"""A person's request to have data scored once more, and which runs are an answer to it."""

from __future__ import annotations

from datetime import datetime


def is_answer(requested_at: datetime | None, emitted_at: datetime | None) -> bool:
    """Whether a run answers a request: its emission is that of the request, or a later one.

    A run that no router asked for (no ``emitted_at``) may have begun before the request, and answers
    none. Both are times of the storage's clock, in whole seconds; without a request any run will do.
    """
    return requested_at is None or (emitted_at is not None and emitted_at >= requested_at)


def instant(text: object) -> datetime | None:
    """Read an ISO 8601 time with its offset; None for anything else."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
