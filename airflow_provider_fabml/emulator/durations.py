"""ISO 8601 durations as the service writes them (``PT30S``)."""

from __future__ import annotations

import re

_PATTERN = re.compile(
    r"^P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)


def seconds_of(duration: str) -> float:
    """Return the seconds of an ISO 8601 duration; ``ValueError`` where it is none."""
    match = _PATTERN.match(duration)
    if match is None or duration in {"P", "PT"}:
        raise ValueError(f"{duration!r} is no ISO 8601 duration such as 'PT30S'")
    part = {name: float(text or 0) for name, text in match.groupdict().items()}
    return ((part["days"] * 24 + part["hours"]) * 60 + part["minutes"]) * 60 + part["seconds"]


def duration_of(seconds: float) -> str:
    """Return ``seconds`` as the service echoes them: one ISO 8601 duration in seconds."""
    return f"PT{seconds:g}S"
