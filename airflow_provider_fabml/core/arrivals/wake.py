"""What wakes a look at a tree, and what of the tree it has to look at.

An event says of a place that something came there, and no more: a look at that place's partition
tells what (D9). A partition that is only too young is looked at again when it is old enough.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from airflow_provider_fabml.core.arrivals.event_grid import Arrived
    from airflow_provider_fabml.core.arrivals.survey import Partition, Survey, Watch
    from airflow_provider_fabml.core.storage.location import Location

# More folders than these are cheaper to see in a listing of the whole tree.
FEW = 8
_FOLDER_RENAMES = frozenset({"RenameDirectory"})


class Wake(NamedTuple):
    """What must be looked at: `folders` (paths in the container), or the `whole` tree."""

    folders: frozenset[str] = frozenset()
    whole: bool = False

    def __bool__(self) -> bool:
        return self.whole or bool(self.folders)

    def __or__(self, other: Wake) -> Wake:
        folders = _outermost(self.folders | other.folders)
        whole = self.whole or other.whole or len(folders) > FEW
        return Wake(frozenset() if whole else folders, whole)


NOTHING, WHOLE = Wake(), Wake(whole=True)


def wake_of(arrived: Arrived, root: Location, watches: Iterable[Watch]) -> Wake:
    """Say what must be looked at after an event; nothing for a file that never counts.

    A file counts for a watch in whose partition it lies, unless it is hidden and not its marker. A
    folder that was renamed may be a partition, lie in one, or hold some.
    """
    if (arrived.account, arrived.container) != (root.account, root.container):
        return NOTHING
    is_folder = arrived.api in _FOLDER_RENAMES
    if is_folder and within(root.path, arrived.path):
        return WHOLE
    if not within(arrived.path, root.path):
        return NOTHING
    path = arrived.path[len(root.path) :].lstrip("/")
    inside = f"{root.path}/" if root.path else ""
    found = [_folder(path, watch, is_folder=is_folder) for watch in watches]
    folders = _outermost({f"{inside}{folder}" for folder in found if folder is not None})
    if is_folder and None in found:
        folders = _outermost({*folders, arrived.path})
    return Wake(folders)


def _folder(path: str, watch: Watch, *, is_folder: bool) -> str | None:
    """Give the partition's folder in which a path counts for a watch, or None."""
    place = watch.template.partition_of(f"{path}/." if is_folder else path)
    if place is None:
        return None
    name = path[len(place[1]) :].strip("/")
    hidden = any(part.startswith(("_", ".")) for part in name.split("/"))
    return None if hidden and name != watch.rules.marker else place[1]


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it; all paths lie in the folder without a name."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def _outermost(folders: Iterable[str]) -> frozenset[str]:
    """Drop folders that lie in others."""
    kept: list[str] = []
    for folder in sorted(folders, key=lambda each: f"{each}/"):
        if not kept or not within(folder, kept[-1]):
            kept.append(folder)
    return frozenset(kept)


def renewed(last: Survey, part: Survey, folder: str) -> Survey:
    """Give a survey of the tree with what lies in `folder` as a newer look at it found it.

    Of a partition above `folder` that look saw a part only, so the last one holds.
    """
    found = {
        watch: {
            **{key: one for key, one in known.items() if not within(one.folder, folder)},
            **{k: one for k, one in part.found[watch].items() if within(one.folder, folder)},
        }
        for watch, known in last.found.items()
    }
    return last._replace(now=part.now, found=found)


def ripe_after(survey: Survey, folder: str = "") -> dict[str, float]:
    """Give for each partition in `folder` that is too young the seconds until it is old enough.

    The storage's times are whole seconds, so these are, too.
    """
    seconds: dict[str, float] = {}
    for watch, found in survey.found.items():
        for one in found.values():
            left = _left(one, watch, survey.now)
            if left > 0 and within(one.folder, folder):
                seconds[one.folder] = min(left, seconds.get(one.folder, math.inf))
    return seconds


def _left(partition: Partition, watch: Watch, now: datetime) -> float:
    verdict = partition.verdict
    if verdict.ready or verdict.newest is None or watch.rules.quiet_for <= 0:
        return 0
    return math.ceil(watch.rules.quiet_for - (now - verdict.newest).total_seconds())


def wake_of_ripe(due: Mapping[str, float], now: float) -> Wake:
    """Say what has become old enough; both in seconds of one clock."""
    return _all(Wake(frozenset({folder})) for folder, at in due.items() if at <= now)


def wake_of_all(events: Iterable[Arrived], root: Location, watches: Collection[Watch]) -> Wake:
    """Say what must be looked at after all of some events."""
    return _all(wake_of(each, root, watches) for each in events)


def _all(wakes: Iterable[Wake]) -> Wake:
    total = NOTHING
    for wake in wakes:
        total |= wake
    return total
