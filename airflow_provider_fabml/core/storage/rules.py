"""What must hold before data counts as landed, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

# name below the watched folder, bytes, version tag, time of the last write (UTC)
Predicate = Callable[[str, int, str, datetime], bool]


class Rules(NamedTuple):
    """All of it must hold (see `core.storage.readiness_rules` for how a user writes it).

    `glob`, `marker` and `manifest` are relative to the watched folder. `min_bytes` is the sum over
    the files, `min_file_bytes` holds for each. `quiet_for` is in seconds since the last write, also
    to hidden names, by the server's clock. With `marker_last` a marker vouches for no file that was
    written after it. `manifest` is the name of a JSON file or ``{name: bytes or None}``; `predicate`
    is ``module:function``.
    """

    glob: str | None = None
    min_count: int = 1
    min_bytes: int = 0
    min_file_bytes: int = 0
    marker: str | None = None
    marker_last: bool = True
    quiet_for: float = 0
    allow_empty_files: bool = False
    delta_version: int | None = None
    manifest: str | Mapping[str, int | None] | None = None
    predicate: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON for a trigger's arguments."""
        return self._asdict()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Rules:
        """Read what `to_json` gave."""
        return cls(**value)
