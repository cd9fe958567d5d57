"""One look at storage as a conversation: what to ask next, given the answers so far.

Both generators yield a request and are sent its answer, so that the blocking and the asyncio
client share every decision and only carry requests.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.storage.glob import literal_prefix
from airflow_provider_fabml.core.storage.readiness import (
    Blob,
    Rules,
    Seen,
    Verdict,
    fold,
    fold_file,
    not_ready,
    settled,
    verdict,
)

if TYPE_CHECKING:
    from datetime import datetime

# A page of 5,000 blocks an event loop for over a second in the SDK's XML models (0.2 ms a blob).
PAGE_SIZE = 400


class HeadBlob(NamedTuple):
    """Ask for the facts of one blob."""

    path: str


class ListPage(NamedTuple):
    """Ask for one page of names with `prefix`; `delimited` collapses what lies deeper."""

    prefix: str
    delimited: bool = False
    token: str | None = None
    size: int = PAGE_SIZE


class Answer(NamedTuple):
    """A page (or, after `HeadBlob`, one blob or none), and the server's clock."""

    blobs: tuple[Blob, ...]
    now: datetime
    folders: tuple[str, ...] = ()
    token: str | None = None


Request = HeadBlob | ListPage
Look = Generator[Request, Answer, Verdict]


def look(path: str, rules: Rules) -> Look:
    """Judge a folder (or the one file at `path`), in one request while nothing is there.

    A marker is asked for first. A listing stops where nothing can make it ready any more; once
    ready, one whole pass has given count, bytes and digest.
    """
    seen = Seen(path, rules)
    if rules.marker is not None:
        name = f"{path}/{rules.marker}".lstrip("/")
        head = yield HeadBlob(name)
        if not any(not blob.is_directory for blob in head.blobs):
            return not_ready(seen, f"the marker {name} is not there yet")
    elif rules.glob is None and path:
        found = yield from _find(path)
        if found.blob is not None:
            return verdict(fold_file(seen, found.blob), rules, found.now)
        if not found.is_folder:
            return verdict(seen, rules, found.now)
    return (yield from _judge_folder(seen))


def _judge_folder(seen: Seen) -> Look:
    inside = f"{seen.folder}/" if seen.folder else ""
    token: str | None = None
    while True:
        answer = yield ListPage(inside + literal_prefix(seen.rules.glob), token=token)
        seen = fold(seen, answer.blobs)
        token = answer.token
        if token is None or settled(seen, answer.now):
            return verdict(seen, seen.rules, answer.now)


class _Found(NamedTuple):
    blob: Blob | None
    is_folder: bool
    now: datetime


def _find(path: str) -> Generator[Request, Answer, _Found]:
    """Tell a file from a folder; siblings that share the prefix cost no request of their own."""
    token: str | None = None
    while True:
        answer = yield ListPage(path, delimited=True, token=token)
        file = next((b for b in answer.blobs if b.name == path and not b.is_directory), None)
        is_folder = f"{path}/" in answer.folders
        token = answer.token
        if file is not None or is_folder or token is None:
            return _Found(file, is_folder, answer.now)


def occupied(path: str) -> Generator[Request, Answer, bool]:
    """Whether a blob, however named and however small, lies at or below `path`."""
    if path:
        found = yield from _find(path)
        if found.blob is not None or not found.is_folder:
            return found.blob is not None
    token: str | None = None
    while True:
        answer = yield ListPage(f"{path}/" if path else "", token=token, size=10)
        if any(not blob.is_directory and not blob.name.endswith("/") for blob in answer.blobs):
            return True
        token = answer.token
        if token is None:
            return False
