"""One look at storage as a conversation: what to ask next, given the answers so far.

Both generators yield a request and are sent its answer, so that the blocking and the asyncio
client share every decision and only carry requests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.storage.conversation import (
    PAGE_SIZE,
    Answer,
    HeadBlob,
    ListPage,
    Look,
    ReadBlob,
    Request,
    join,
)
from airflow_provider_fabml.core.storage.delta import look_at_table
from airflow_provider_fabml.core.storage.glob import literal_folder, literal_prefix
from airflow_provider_fabml.core.storage.manifest import Unreadable, read_manifest
from airflow_provider_fabml.core.storage.marker import marked_at, marker_of, not_marked
from airflow_provider_fabml.core.storage.readiness import (
    fold,
    fold_file,
    not_ready,
    settled,
    start,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from airflow_provider_fabml.core.storage.rules import Predicate, Rules
    from airflow_provider_fabml.core.storage.seen import Blob, Seen

__all__ = [
    "PAGE_SIZE",
    "Answer",
    "HeadBlob",
    "ListPage",
    "Look",
    "ReadBlob",
    "Request",
    "look",
    "occupied",
]


def look(path: str, rules: Rules, predicate: Predicate | None = None) -> Look:
    """Judge a folder (or the one file at `path`), in one request while nothing is there.

    Marker and manifest are asked for first. A listing stops where nothing can make it ready any
    more; once ready, one whole pass has given count, bytes and digest.

    :param predicate: what `rules.predicate` names; the caller imports it.
    """
    if rules.delta_version is not None:
        return (yield from look_at_table(path, rules))
    seen = start(path, rules, predicate=predicate)
    if (marker := marker_of(seen)) is not None:
        head = yield HeadBlob(marker)
        seen = replace(seen, marked=marked_at(seen, head.blobs))
        if seen.marked is None:
            return not_marked(seen)
    if rules.manifest is not None:
        return (yield from _judge_expected(seen, rules.manifest))
    if rules.marker is None and rules.glob is None and path:
        found = yield from _find(path)
        if found.blob is not None:
            return verdict(fold_file(seen, found.blob), rules, found.now)
        if not found.is_folder:
            return verdict(seen, rules, found.now)
    return (yield from _judge_folder(seen))


def _judge_expected(seen: Seen, manifest: str | Mapping[str, int | None]) -> Look:
    expected = yield from _expected(seen.folder, manifest)
    if isinstance(expected, Unreadable):
        return not_ready(seen, expected.reason)
    again = start(seen.folder, seen.rules, expected=expected)
    return (yield from _judge_folder(replace(again, marked=seen.marked)))


def _expected(
    path: str, manifest: str | Mapping[str, int | None]
) -> Generator[Request, Answer, Mapping[str, int | None] | Unreadable]:
    """Give what the manifest says, or why it says nothing yet."""
    if not isinstance(manifest, str):
        return manifest
    name = join(path, manifest)
    answer = yield ReadBlob(name)
    if answer.content is None:
        return Unreadable(f"the manifest {name} is not there yet")
    return read_manifest(answer.content, name)


def _judge_folder(seen: Seen) -> Look:
    # With a quiet period, who writes under a hidden name beside the files is seen, too.
    begins = literal_folder if seen.rules.quiet_for else literal_prefix
    prefix = join(seen.folder, begins(seen.rules.glob))
    token: str | None = None
    while True:
        answer = yield ListPage(prefix, token=token)
        seen = fold(seen, answer.blobs)
        token = answer.token
        if token is None or settled(seen, answer.now):
            return verdict(seen, seen.rules, answer.now, more=token is not None)


class _Found(NamedTuple):
    blob: Blob | None
    now: datetime
    is_folder: bool


def _find(path: str) -> Generator[Request, Answer, _Found]:
    """Tell a file from a folder; siblings that share the prefix cost no request of their own.

    A 0-byte blob with files below it is the folder itself, its mark as a directory lost.
    """
    token: str | None = None
    file: Blob | None = None
    while True:
        answer = yield ListPage(path, delimited=True, token=token)
        own = (blob for blob in answer.blobs if blob.name == path and not blob.is_directory)
        file = next(own, file)
        token = answer.token
        if f"{path}/" in answer.folders:
            return _Found(file if file and file.size else None, answer.now, is_folder=True)
        if token is None or (file and file.size):
            return _Found(file, answer.now, is_folder=False)


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
