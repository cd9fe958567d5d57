"""What the manifest beside an output says of its partition (D10, `core.jobs.manifest`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.arrivals.request import instant
from airflow_provider_fabml.core.arrivals.short_digest import short
from airflow_provider_fabml.core.jobs.manifest import NAME
from airflow_provider_fabml.core.scoring.run_identity import encode_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

COMPLETED = "completed"


class Manifest(NamedTuple):
    """One scoring of one state of a partition's data, how it ended, and when that was written.

    `digest` is the short one. `endpoint` scored it, in a task (its id and map index) of a run that
    goes back to partitions of these `assets`, by name, emitted at `emitted_at` the last time; of none
    where no router asked for it.
    """

    partition: str
    digest: str
    completed: bool
    at: datetime
    endpoint: str | None = None
    assets: tuple[str, ...] = ()
    run_id: str | None = None
    task: tuple[str | None, int | None] = (None, None)
    dag_id: str | None = None
    emitted_at: datetime | None = None

    @property
    def scoring(self) -> tuple[object, ...]:
        """What tells the scorings of one partition apart, whichever run made them."""
        return (self.endpoint, self.dag_id, *self.task)

    def answers(self, asset: str, endpoint: str | None) -> bool:
        """Whether it counts for the router of an asset, which may be after one endpoint's results.

        What no router asked for counts where it completed: that a person's own try failed says nothing
        of the partition.
        """
        counts = asset in self.assets if self.assets else self.completed
        return counts and endpoint in {None, self.endpoint}


def read_manifest(content: bytes, at: datetime) -> tuple[Manifest, ...]:
    """Read a manifest, once for each digest of its data; nothing for what is none, or has no partition.

    :param at: when the blob was written.
    """
    try:
        found = json.loads(content)
    except ValueError:
        return ()
    inputs = found.get("inputs") if isinstance(found, dict) else None
    if not isinstance(inputs, dict) or not isinstance(found.get("partition"), str):
        return ()
    completed = str(found.get("status")).lower() == COMPLETED
    run, job = _part(found, "run"), _part(found, "job")
    endpoint, assets = job.get("endpoint"), run.get("assets")
    # What a router emitted is what its rules chose; a job's input may be more than that, or a part.
    seen = [one.get("digest") for one in inputs.values() if isinstance(one, dict)]
    digests = {short(one): None for one in [run.get("emitted"), *seen] if isinstance(one, str)}
    return tuple(
        Manifest(
            found["partition"],
            digest,
            completed,
            at,
            endpoint,
            tuple(assets) if isinstance(assets, list) else (),
            run.get("run_id"),
            (run.get("task_id"), run.get("map_index")),
            run.get("dag_id"),
            instant(run.get("emitted_at")),
        )
        for digest in digests
    )


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def in_terms_of(manifest: Manifest, ready: Mapping[str, str], whole: Mapping[str, str]) -> Manifest:
    """Say it of the files that a watch chooses, where it says it of all that are there now.

    :param ready: the digests of what is chosen, by key.
    :param whole: the digests of whole folders, which is what a scoring sees.
    """
    key = manifest.partition
    if key in ready and manifest.digest == whole.get(key):
        return manifest._replace(digest=ready[key])
    return manifest


class OfPartitions:
    """Which blobs are manifests of some partitions, by the folders of their paths.

    One of them is the key (D3), or ends in ``=key``, or some in a row are the partition's own folder:
    outputs that a user placed have no other sign.

    :param folders: the folders of the partitions, by key; empty where only the key tells.
    """

    def __init__(self, folders: Mapping[str, str]) -> None:
        marks = {*folders, *map(encode_segment, folders), *folders.values()} - {""}
        self._marks = marks
        self._depths = {mark.count("/") + 1 for mark in marks}

    def __call__(self, path: str) -> bool:
        """Whether a blob's path is one."""
        *folders, name = path.split("/")
        return name == NAME and not self._marks.isdisjoint(self._signs(folders))

    def _signs(self, folders: list[str]) -> Iterator[str]:
        """Give what in a path may name a partition."""
        yield from (folder.rpartition("=")[2] for folder in folders)
        for depth in self._depths:
            starts = range(len(folders) - depth + 1)
            yield from ("/".join(folders[start : start + depth]) for start in starts)
