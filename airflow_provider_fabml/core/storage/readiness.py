"""Has the data landed? Listing pages are folded into a verdict; nobody here lists, sleeps or reads.

"Landed" has no single test: a directory marker, Spark's ``_temporary``, a 0-byte file that is being
written through the DFS endpoint and a sibling with the same prefix all look like data to a listing
(learn.microsoft.com "Known issues with Azure Data Lake Storage"; Hadoop's FileOutputCommitter).
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.storage.glob import compile_glob, is_hidden, literal_folder
from airflow_provider_fabml.core.storage.reasons import (
    facts,
    held_back,
    is_fresh,
    missing,
    written_late,
)
from airflow_provider_fabml.core.storage.rules import Predicate, Rules
from airflow_provider_fabml.core.storage.seen import Blob, Seen, Verdict, Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

__all__ = [
    "Blob",
    "Rules",
    "Seen",
    "Verdict",
    "digest_of_file",
    "fold",
    "fold_file",
    "not_ready",
    "settled",
    "start",
    "verdict",
]

SAMPLE = 20
DIGEST_BITS = 256


def start(
    folder: str,
    rules: Rules,
    *,
    predicate: Predicate | None = None,
    expected: Mapping[str, int | None] | None = None,
) -> Seen:
    """Begin a look.

    :param predicate: what `rules.predicate` names.
    :param expected: what the manifest says, where one is wanted.
    """
    missing = frozenset(expected or ())
    return Seen(folder, rules, missing=missing, expected=expected, predicate=predicate)


def fold(state: Seen, page: Iterable[Blob]) -> Seen:
    """Add one page, in any order and of any size, to what was seen."""
    blobs = list(page)
    named = [(name, blob) for blob in blobs if (name := _relative(blob, state)) is not None]
    state = _add(state, named)
    if not state.rules.quiet_for:
        return state
    hidden = [(name, blob) for blob in blobs if (name := _hidden(blob, state)) is not None]
    return replace(state, hidden=_last(state.hidden, hidden))


def fold_file(state: Seen, blob: Blob) -> Seen:
    """Add the one file that the watched path itself names; it may be called anything."""
    name = _own_name(blob)
    return _add(state, [(name, blob)] if _chosen(name, blob, state) else [])


def _add(state: Seen, named: list[tuple[str, Blob]]) -> Seen:
    """Sort files into those that count and those that are too small or of a wrong size."""
    empty: dict[str, datetime] = {}
    wrong: list[tuple[str, Blob]] = []
    small: list[tuple[str, Blob]] = []
    counted: list[tuple[str, Blob]] = []
    for name, blob in named:
        if state.expected is not None and state.expected[name] not in {None, blob.size}:
            wrong.append((name, blob))
        elif state.expected is None and blob.size == 0 and not state.rules.allow_empty_files:
            empty[name] = blob.last_modified
        else:
            (small if blob.size < state.rules.min_file_bytes else counted).append((name, blob))
    return replace(
        _count(state, counted),
        empty={**state.empty, **empty},
        parents=state.parents | {parent for name, _ in named for parent in _parents(name)},
        small=_first(state.small, small),
        wrong=_first(state.wrong, wrong),
        missing=state.missing - {name for name, _ in named},
        written=_last(state.written, [each for each in named if each[0] not in empty]),
    )


def _count(state: Seen, counted: list[tuple[str, Blob]]) -> Seen:
    times = [blob.last_modified for _, blob in counted]
    times += [] if state.newest is None else [state.newest]
    digest = state.digest + sum(digest_of(name, blob) for name, blob in counted)
    return replace(
        state,
        count=state.count + len(counted),
        bytes=state.bytes + sum(blob.size for _, blob in counted),
        newest=max(times, default=None),
        digest=digest % (1 << DIGEST_BITS),
        sample=tuple(heapq.nsmallest(SAMPLE, [*state.sample, *(name for name, _ in counted)])),
    )


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _first(known: tuple[str, int] | None, found: list[tuple[str, Blob]]) -> tuple[str, int] | None:
    named = [(name, blob.size) for name, blob in found]
    return min([*named, *([known] if known else [])], default=None)


def _last(known: Write | None, found: list[tuple[str, Blob]]) -> Write | None:
    writes = [Write(blob.last_modified, name) for name, blob in found]
    return max([*writes, *([known] if known else [])], default=None)


def _hidden(blob: Blob, state: Seen) -> str | None:
    """Give the name of what is hidden below the folder: no data, but a sign of who is at work.

    With a pattern, below the folder that it begins with: a look lists no more. Beside a manifest,
    too: whoever works there may be about to replace what it names. What says that all is complete is
    no such sign.
    """
    inside = f"{state.folder}/" if state.folder else ""
    if not blob.name.startswith(inside + literal_folder(state.rules.glob)):
        return None
    name = blob.name[len(inside) :].rstrip("/")
    spoken = name in (state.rules.marker, state.rules.manifest) or name in (state.expected or ())
    return name if is_hidden(name) and not spoken else None


def _relative(blob: Blob, state: Seen) -> str | None:
    """Give the name below the watched folder, or None if the blob never counts."""
    inside = f"{state.folder}/" if state.folder else ""
    if blob.is_directory or blob.name.endswith("/") or not blob.name.startswith(inside):
        return None
    relative = blob.name[len(inside) :]
    if state.expected is not None:
        return relative if relative in state.expected else None
    if is_hidden(relative) or not relative or relative == state.rules.marker:
        return None
    return relative if _chosen(relative, blob, state) else None


def _chosen(name: str, blob: Blob, state: Seen) -> bool:
    pattern = state.rules.glob
    if pattern is not None and not compile_glob(pattern).fullmatch(name):
        return False
    if state.predicate is None:
        return True
    return state.predicate(name, blob.size, blob.etag, blob.last_modified)


def digest_of(name: str, blob: Blob) -> int:
    """Hash a file's name, version and size; the sum over files is the digest."""
    text = f"{name}\0{blob.etag}\0{blob.size}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def digest_of_file(blob: Blob) -> str:
    """Give the digest of the folder a file lies in, as it is where nothing else there is counted."""
    return f"{digest_of(_own_name(blob), blob):064x}"


def _own_name(blob: Blob) -> str:
    return blob.name.rpartition("/")[2]


def settled(state: Seen, now: datetime) -> bool:
    """Whether no further page can make this look a success, so that it may stop here."""
    held = state.small or state.wrong or written_late(state)
    return held is not None or is_fresh(state, now)


def verdict(state: Seen, rules: Rules, now: datetime, *, more: bool = False) -> Verdict:
    """Judge what was seen.

    :param now: the server's clock, from the Date header of the last page: our own may differ.
    :param more: whether the look stopped early, so that counts are partial.
    """
    why = (None if more else missing(state, rules, now)) or held_back(state, now, more=more)
    return _verdict(state, ready=why is None, reason=why or facts(state, now))


def not_ready(state: Seen, reason: str) -> Verdict:
    """Give a refusal that needed no judgement of the files."""
    return _verdict(state, ready=False, reason=reason)


def _verdict(state: Seen, *, ready: bool, reason: str) -> Verdict:
    digest = f"{state.digest:064x}"
    return Verdict(ready, reason, state.count, state.bytes, state.newest, digest, state.sample)
