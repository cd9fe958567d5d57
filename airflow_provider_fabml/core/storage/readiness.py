"""Has the data landed? Listing pages are folded into a verdict; nobody here lists, sleeps or reads.

"Landed" has no single test: a directory marker, Spark's ``_temporary``, a 0-byte file that is being
written through the DFS endpoint and a sibling with the same prefix all look like data to a listing
(learn.microsoft.com "Known issues with Azure Data Lake Storage"; Hadoop's FileOutputCommitter).
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.storage.glob import compile_glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

SAMPLE = 20
_DIGEST_BITS = 256


class Rules(NamedTuple):
    """What must hold, all of it, before data counts as landed (see `core.readiness_rules`).

    `glob` is relative to the watched folder; `min_bytes` is the sum over the files; `marker` is one
    exact name below the folder; `quiet_period` is in seconds since the last write, by the server's
    clock.
    """

    glob: str | None = None
    min_files: int = 1
    min_bytes: int = 0
    marker: str | None = None
    quiet_period: float = 0
    allow_empty_files: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON for a trigger's arguments."""
        return self._asdict()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Rules:
        """Read what `to_json` gave."""
        return cls(**value)


class Blob(NamedTuple):
    """One entry of a listing; `name` is the whole path in the container."""

    name: str
    size: int
    etag: str
    last_modified: datetime
    is_directory: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the pages so far add up to. `digest` is a sum of hashes, so order does not matter."""

    folder: str
    rules: Rules
    count: int = 0
    bytes: int = 0
    newest: datetime | None = None
    digest: int = 0
    sample: tuple[str, ...] = ()
    in_progress: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ready or not, why in one sentence, and the facts. Counts of a refusal may be partial."""

    ready: bool
    reason: str
    count: int
    bytes: int
    newest: datetime | None
    digest: str
    sample: tuple[str, ...]


def fold(state: Seen, page: Iterable[Blob]) -> Seen:
    """Add one page, in any order and of any size, to what was seen."""
    counted, empty = [], state.in_progress
    for blob in page:
        relative = _relative(blob, state)
        if relative is None:
            continue
        if blob.size == 0 and not state.rules.allow_empty_files:
            empty = min(empty or relative, relative)
        else:
            counted.append((relative, blob))
    newest = max((blob.last_modified for _, blob in counted), default=state.newest)
    return replace(
        state,
        count=state.count + len(counted),
        bytes=state.bytes + sum(blob.size for _, blob in counted),
        newest=max(newest, state.newest) if newest and state.newest else newest,
        digest=(state.digest + sum(_hash(name, blob) for name, blob in counted))
        % (1 << _DIGEST_BITS),
        sample=tuple(heapq.nsmallest(SAMPLE, [*state.sample, *(name for name, _ in counted)])),
        in_progress=empty,
    )


def _relative(blob: Blob, state: Seen) -> str | None:
    """Give the name below the watched folder, or None if the blob never counts."""
    inside = f"{state.folder}/" if state.folder else ""
    if blob.is_directory or blob.name.endswith("/") or not blob.name.startswith(inside):
        return None
    relative = blob.name[len(inside) :]
    hidden = any(part.startswith(("_", ".")) for part in relative.split("/"))
    if hidden or not relative or relative == state.rules.marker:
        return None
    pattern = state.rules.glob
    if pattern is not None and not compile_glob(pattern).fullmatch(relative):
        return None
    return relative


def _hash(name: str, blob: Blob) -> int:
    text = f"{name}\0{blob.etag}\0{blob.size}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def fold_file(state: Seen, blob: Blob) -> Seen:
    """Add the one file that the watched path itself names; it may be called anything."""
    name = blob.name.rpartition("/")[2]
    if blob.size == 0 and not state.rules.allow_empty_files:
        return replace(state, in_progress=name)
    return replace(
        state,
        count=1,
        bytes=blob.size,
        newest=blob.last_modified,
        digest=_hash(name, blob),
        sample=(name,),
    )


def settled(state: Seen, now: datetime) -> bool:
    """Whether no further page can make this look a success, so that it may stop here."""
    return _unquiet(state, now) is not None


def verdict(state: Seen, rules: Rules, now: datetime) -> Verdict:
    """Judge what was seen.

    :param now: the server's clock, from the Date header of the last page: our own may differ.
    """
    missing = _missing(state, rules, now) or _unquiet(state, now)
    reason = missing or f"{_files(state.count)}, {state.bytes} bytes{_age(state, now)}"
    return _verdict(state, ready=missing is None, reason=reason)


def not_ready(state: Seen, reason: str) -> Verdict:
    """Give a refusal that needed no judgement of the files."""
    return _verdict(state, ready=False, reason=reason)


def _verdict(state: Seen, *, ready: bool, reason: str) -> Verdict:
    digest = f"{state.digest:064x}"
    return Verdict(ready, reason, state.count, state.bytes, state.newest, digest, state.sample)


def _missing(state: Seen, rules: Rules, now: datetime) -> str | None:
    if state.count < rules.min_files:
        return f"{_too_few(state, rules, now)}{_empty_hint(state)}"
    if state.bytes < rules.min_bytes:
        return (
            f"{state.bytes} of {rules.min_bytes} bytes in {_files(state.count)}"
            f"{_age(state, now)}{_empty_hint(state)}"
        )
    return None


def _too_few(state: Seen, rules: Rules, now: datetime) -> str:
    if state.count:
        return f"{state.count} of {rules.min_files} files{_age(state, now)}"
    what = f"no file matching {rules.glob}" if rules.glob else "no file"
    return f"{what} in {state.folder or 'the container'} yet"


def _empty_hint(state: Seen) -> str:
    if state.in_progress is None:
        return ""
    return (
        f"; 0-byte file in progress: {state.in_progress} "
        "(if empty files are meant to be there: allow_empty_files=True)"
    )


def _unquiet(state: Seen, now: datetime) -> str | None:
    """Say why files may still grow. A marker vouches for empty files, a quiet period does not."""
    wanted = state.rules.quiet_period
    if wanted <= 0:
        return None
    if state.in_progress is not None and state.rules.marker is None:
        return f"{_files(state.count)}{_age(state, now)}{_empty_hint(state)}"
    if state.newest is not None and (now - state.newest).total_seconds() < wanted:
        return f"{_files(state.count)}{_age(state, now)}; {wanted:g} s without a write are wanted"
    return None


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _age(state: Seen, now: datetime) -> str:
    if state.newest is None:
        return ""
    return f", newest {max((now - state.newest).total_seconds(), 0):.0f} s ago"
