"""What wakes a look at a tree, and what of the tree it has to look at.

An event says of a place that something came there, and no more: a look at that place's partition
tells what (D9). A partition that is only too young is looked at again when it is old enough.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.storage.glob import is_hidden
from airflow_provider_fabml.core.storage.mapping import below, is_below

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from airflow_provider_fabml.core.arrivals.event_grid import Arrived
    from airflow_provider_fabml.core.arrivals.survey import Survey, Watch
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


def wake_of(arrived: Arrived, root: Location, watches: Collection[Watch]) -> Wake:
    """Say what must be looked at after an event; nothing for a file that never counts.

    A file counts for a watch in whose partition it lies, unless it is hidden and not its marker. A
    folder that was renamed may be a partition, lie in one, or hold some.
    """
    if is_foreign(arrived, root):
        return NOTHING
    is_folder = arrived.api in _FOLDER_RENAMES
    if is_folder and is_below(root.path, arrived.path):
        return WHOLE
    if not is_below(arrived.path, root.path):
        return NOTHING
    path = below(arrived.path, root.path)
    inside = f"{root.path}/" if root.path else ""
    places = [watch.template.partition_of(f"{path}/." if is_folder else path) for watch in watches]
    folders = {
        f"{inside}{place[1]}"
        for place, watch in zip(places, watches, strict=True)
        if place is not None and _counts(below(path, place[1]), watch)
    }
    if is_folder and None in places and not is_hidden(path):
        folders.add(arrived.path)
    return Wake(_outermost(folders))


def is_foreign(arrived: Arrived, root: Location) -> bool:
    """Whether an event is of another account or container than a tree."""
    account = root.account.removesuffix("-secondary")
    return (arrived.account, arrived.container) != (account, root.container)


def _counts(name: str, watch: Watch) -> bool:
    """Whether a file or folder of this name in a partition may count, or is what is waited for."""
    return not is_hidden(name) or name == watch.rules.marker


def _outermost(folders: Iterable[str]) -> frozenset[str]:
    """Drop folders that lie in others."""
    kept: list[str] = []
    for folder in sorted(folders, key=lambda each: f"{each}/"):
        if not kept or not is_below(folder, kept[-1]):
            kept.append(folder)
    return frozenset(kept)


def renewed(last: Survey, part: Survey, folder: str) -> Survey:
    """Give a survey of the tree with what lies in `folder` as a newer look at it found it.

    Of a partition above `folder` that look saw a part only, so the last one holds. Who no longer
    watches is forgotten.
    """
    found = {
        watch: {
            **{k: one for k, one in last.found[watch].items() if not is_below(one.folder, folder)},
            **{k: one for k, one in now.items() if is_below(one.folder, folder)},
        }
        for watch, now in part.found.items()
    }
    return last._replace(now=part.now, found=found)


def ripe_after(survey: Survey, folder: str = "") -> dict[str, float]:
    """Give the seconds until partitions in `folder` are old enough, where only time is wanting."""
    seconds: dict[str, float] = {}
    for found in survey.found.values():
        for one in found.values():
            if one.ripe_in > 0 and is_below(one.folder, folder):
                seconds[one.folder] = min(one.ripe_in, seconds.get(one.folder, math.inf))
    return seconds


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
