"""Has a Delta table reached a version? Its log says so, and which files are data (Delta protocol).

Parquet files below a table say nothing: they lie there before their commit, and old versions and
orphans stay (github.com/delta-io/delta, PROTOCOL.md, "Delta Log Entries"). A commit is one JSON file
with one action a line; older commits are cleaned up once a checkpoint holds them. For the same
reason only commits count where a table shall be quiet, and no other write below a hidden name.
"""

from __future__ import annotations

import heapq
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow_provider_fabml.core.storage.conversation import (
    READ_BYTES,
    Answer,
    ListPage,
    Look,
    ReadBlob,
    Request,
    join,
)
from airflow_provider_fabml.core.storage.readiness import DIGEST_BITS, SAMPLE, digest_of
from airflow_provider_fabml.core.storage.reasons import age, files, is_young
from airflow_provider_fabml.core.storage.seen import Blob, Verdict

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from datetime import datetime

    from airflow_provider_fabml.core.storage.rules import Rules

LOG = "_delta_log"
# Commits that are read to tell the table's files; a longer log is not counted.
MOST_COMMITS = 32
_COMMIT = re.compile(r"(\d{20})(\.json|\.checkpoint(?:\..+)?\.parquet)")


@dataclass(frozen=True, slots=True)
class Log:
    """What the pages of the log add up to; a checkpoint of a version tells that it is committed."""

    newest: int | None = None
    commits: frozenset[int] = frozenset()
    written: datetime | None = None
    digest: int = 0


class Table(dict[tuple[str, str], int]):
    """The files of a table and their bytes, by path and deletion vector."""


def fold_log(log: Log, page: Iterable[Blob]) -> Log:
    """Add one page of the log, in any order. A commit of 0 bytes is still being written."""
    for blob in page:
        name = blob.name.rpartition("/")[2]
        found = _COMMIT.fullmatch(name)
        if found is None or blob.is_directory or not blob.size:
            continue
        version, is_commit = int(found[1]), found[2] == ".json"
        log = replace(
            log,
            newest=version if log.newest is None else max(version, log.newest),
            commits=log.commits | {version} if is_commit else log.commits,
            written=max(filter(None, (log.written, blob.last_modified))),
            digest=(log.digest + digest_of(name, blob)) % (1 << DIGEST_BITS),
        )
    return log


def look_at_table(path: str, rules: Rules) -> Look:
    """Judge a table: one request a page of its log, and one a commit once it is ready."""
    folder, log, token = join(path, LOG), Log(), None
    while True:
        answer = yield ListPage(f"{folder}/", token=token)
        log, token = fold_log(log, answer.blobs), answer.token
        if token is None:
            break
    why = _why_not(log, path, rules, answer.now)
    if why is not None:
        return _verdict(log, why, ready=False)
    table = yield from _read(folder, log)
    version = f"version {log.newest}{age(log.written, answer.now)}"
    if table is None:
        return _verdict(log, f"{version}; its files are not counted (a long log)", ready=True)
    reason = f"{version}, {files(len(table))}, {sum(table.values())} bytes"
    return _verdict(log, reason, ready=True, table=table)


def _why_not(log: Log, path: str, rules: Rules, now: datetime) -> str | None:
    wanted = rules.delta_version or 0
    if log.newest is None:
        return f"no Delta table in {path or 'the container'} yet"
    if log.newest < wanted:
        return f"version {log.newest} of {wanted}{age(log.written, now)}"
    if is_young(log.written, rules.quiet_for, now):
        return (
            f"version {log.newest}{age(log.written, now)}; "
            f"{rules.quiet_for:g} s without a commit are wanted"
        )
    return None


def _read(folder: str, log: Log) -> Generator[Request, Answer, Table | None]:
    """Give the newest version's files, or None where the commits do not tell all of them."""
    newest = log.newest or 0
    if newest >= MOST_COMMITS or log.commits != frozenset(range(newest + 1)):
        return None
    table = Table()
    for version in range(newest + 1):
        answer = yield ReadBlob(f"{folder}/{version:020d}.json")
        if answer.content is None or len(answer.content) >= READ_BYTES:
            return None
        if not _commit(table, answer.content):
            return None
    return table


def _commit(table: Table, content: bytes) -> bool:
    """Apply a commit: what it removes goes, what it adds comes, in whatever order they stand."""
    try:
        actions = [json.loads(line) for line in content.splitlines() if line.strip()]
        for removed in _files(actions, "remove"):
            table.pop(_key(removed), None)
        table.update({_key(added): int(added["size"]) for added in _files(actions, "add")})
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _files(actions: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [action[kind] for action in actions if kind in action]


def _key(file: dict[str, Any]) -> tuple[str, str]:
    vector = file.get("deletionVector") or {}
    return unquote(file["path"]), json.dumps(vector, sort_keys=True)


def _verdict(log: Log, reason: str, *, ready: bool, table: Table | None = None) -> Verdict:
    names = heapq.nsmallest(SAMPLE, {name for name, _ in table or ()})
    return Verdict(
        ready,
        reason,
        len(table or ()),
        sum((table or {}).values()),
        log.written,
        f"{log.digest:064x}",
        tuple(names),
        version=log.newest,
        counted=table is not None,
    )
