"""What a listing says of files, what its pages add up to, and the verdict on that: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_provider_fabml.core.storage.rules import Predicate, Rules


class Write(NamedTuple):
    """When a file was written last; `name` is relative to the watched folder."""

    at: datetime
    name: str


class Blob(NamedTuple):
    """One entry of a listing; `name` is the whole path in the container."""

    name: str
    size: int
    etag: str
    last_modified: datetime
    is_directory: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the pages so far add up to. `digest` is a sum of hashes, so order does not matter.

    `empty` are 0-byte files with their times and `parents` the folders that have files: a 0-byte
    entry that is one of them is a directory whose mark was lost. `small` is a file below
    `min_file_bytes`, `wrong` one that is not as large as the manifest says, `missing` what the
    manifest names and no page had.
    `written` is the last write to a file with content that the rules choose, `hidden` that to a
    hidden name, such as a part in ``_temporary``; `marked` is when the marker was written.
    """

    folder: str
    rules: Rules
    count: int = 0
    bytes: int = 0
    newest: datetime | None = None
    digest: int = 0
    sample: tuple[str, ...] = ()
    empty: Mapping[str, datetime] = field(default_factory=dict)
    parents: frozenset[str] = frozenset()
    small: tuple[str, int] | None = None
    wrong: tuple[str, int] | None = None
    missing: frozenset[str] = frozenset()
    written: Write | None = None
    hidden: Write | None = None
    marked: datetime | None = None
    expected: Mapping[str, int | None] | None = None
    predicate: Predicate | None = field(default=None, compare=False)

    @property
    def in_progress(self) -> str | None:
        """A 0-byte file that is no directory, or None."""
        return min(self.empty.keys() - self.parents, default=None)

    @property
    def last_write(self) -> Write | None:
        """The newest of all writes that `quiet_for` is counted from, or None."""
        empty = (Write(at, name) for name, at in self.empty.items())
        return max(filter(None, (self.written, self.hidden, *empty)), default=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ready or not, why in one sentence, and the facts. Counts of a refusal may be partial.

    `version` is a Delta table's newest; without `counted` nobody could tell count and bytes.
    """

    ready: bool
    reason: str
    count: int
    bytes: int
    newest: datetime | None
    digest: str
    sample: tuple[str, ...]
    version: int | None = None
    counted: bool = True
