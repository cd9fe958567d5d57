"""One listing of a tree becomes one verdict for each partition, for all who watch the tree at once."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.arrivals.short_digest import short
from airflow_provider_fabml.core.storage.marker import marked_at, marker_of, not_marked
from airflow_provider_fabml.core.storage.probe import Answer, ListPage, Request
from airflow_provider_fabml.core.storage.readiness import Rules, fold, not_ready, verdict
from airflow_provider_fabml.core.storage.reasons import fresh_for
from airflow_provider_fabml.core.storage.seen import Blob, Seen, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from datetime import datetime

    from airflow_provider_fabml.core.arrivals.partition_template import PartitionTemplate


# So many are named where a log says why partitions are not complete.
NAMED = 3


class Watch(NamedTuple):
    """What is looked for in a tree: partitions, and what must hold for each."""

    template: PartitionTemplate
    rules: Rules


class Partition(NamedTuple):
    """One partition as a listing showed it; `folder` is its path in the container.

    `ripe_in` are the seconds after which time alone may have made it complete; 0 where it will not.
    """

    key: str
    folder: str
    verdict: Verdict
    ripe_in: float = 0


class Survey(NamedTuple):
    """All partitions of each watch by key, ready or not; `now` is the server's clock at the start."""

    now: datetime
    found: Mapping[Watch, Mapping[str, Partition]]

    def ready(self, watch: Watch) -> dict[str, Partition]:
        """Give the complete partitions of a watch."""
        return {key: one for key, one in self.found[watch].items() if one.verdict.ready}

    def digests(self, watch: Watch) -> dict[str, str]:
        """Give the short digests of the complete partitions of a watch."""
        return {key: short(one.verdict.digest) for key, one in self.ready(watch).items()}


@dataclass(frozen=True, slots=True)
class _Tally:
    """What the pages so far had of one partition."""

    seen: Seen
    pages: int = 0


def survey(
    root: str, watches: Iterable[Watch], *, under: str | None = None
) -> Generator[Request, Answer, Survey]:
    """List the tree below `root` once, as a conversation (see `core.storage.probe`).

    With `under`, a folder in the tree (its path in the container), only what lies in it.

    What is judged by time (`quiet_for`, a marker) is judged by the clock of the first page: a
    listing is no snapshot, and what changes while it runs must not look older than it is.
    """
    tallies: dict[Watch, dict[str, _Tally]] = {watch: {} for watch in watches}
    inside = f"{root}/" if root else ""
    prefix = f"{under}/" if under else inside + _common([w.template.prefix for w in tallies])
    answer = yield ListPage(prefix)
    started = answer.now
    while True:
        for watch, known in tallies.items():
            known.update(_with_page(known, watch, inside, answer.blobs))
        if answer.token is None:
            found = {watch: _judged(known, started) for watch, known in tallies.items()}
            return Survey(started, found)
        answer = yield ListPage(prefix, token=answer.token)


def incomplete(partitions: Mapping[str, Partition], order: Callable[[str], tuple[str, str]]) -> str:
    """Say why the newest partitions that are not complete are not; nothing where all are."""
    keys = sorted((key for key, one in partitions.items() if not one.verdict.ready), key=order)
    why = "; ".join(f"{key}: {partitions[key].verdict.reason}" for key in keys[-NAMED:])
    return f"{len(keys)} of {len(partitions)} partitions are not complete: {why}" if keys else ""


def _common(prefixes: list[str]) -> str:
    """Give what all prefixes begin with; the smallest and the greatest differ soonest."""
    low, high = min(prefixes, default=""), max(prefixes, default="")
    same = takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False))
    return "".join(one for one, _ in same)


def _with_page(
    known: Mapping[str, _Tally], watch: Watch, inside: str, page: Iterable[Blob]
) -> Iterator[tuple[str, _Tally]]:
    """Give the partitions that a page has something of, with it added."""
    groups: dict[tuple[str, str], list[Blob]] = defaultdict(list)
    for blob in page:
        place = watch.template.partition_of(blob.name.removeprefix(inside))
        if place is not None:
            groups[place].append(blob)
    for (key, folder), blobs in groups.items():
        tally = known.get(key) or _Tally(Seen(f"{inside}{folder}", watch.rules))
        yield key, _added(tally, blobs)


def _added(tally: _Tally, blobs: list[Blob]) -> _Tally:
    marked = marked_at(tally.seen, blobs) or tally.seen.marked
    seen = replace(fold(tally.seen, blobs), marked=marked)
    return _Tally(seen, pages=tally.pages + 1)


def _judged(tallies: Mapping[str, _Tally], started: datetime) -> dict[str, Partition]:
    return {key: _partition(key, tally, started) for key, tally in tallies.items()}


def _partition(key: str, tally: _Tally, started: datetime) -> Partition:
    """Judge one partition; of a marker that came during the look, the files may be on no page."""
    seen = tally.seen
    if seen.rules.marker is not None and seen.marked is None:
        return Partition(key, seen.folder, not_marked(seen))
    if seen.marked is not None and tally.pages > 1 and seen.marked >= started:
        why = not_ready(seen, f"the marker {marker_of(seen)} came during the look")
        return Partition(key, seen.folder, why, ripe_in=1)
    found = verdict(seen, seen.rules, started)
    return Partition(key, seen.folder, found, ripe_in=0 if found.ready else _ripe_in(seen, started))


def _ripe_in(seen: Seen, started: datetime) -> float:
    """Seconds after which it is complete if nobody writes; 0 where time does not make it so."""
    # The storage's times are whole seconds, so what is left of them is, too.
    left = math.ceil(fresh_for(seen, started))
    return left if verdict(seen, seen.rules, started + timedelta(seconds=left)).ready else 0
