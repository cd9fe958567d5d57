"""What a manifest beside an output says of its partition (D10); the rest of it is not read here.

::

    {
        "partition": "2026-01-31",
        "status": "completed",
        "input": {"digest": "<of the readiness fold>"},
    }
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.scoring.run_identity import encode_segment

if TYPE_CHECKING:
    from datetime import datetime

NAME = "_manifest.json"
COMPLETED = "completed"


class Manifest(NamedTuple):
    """One scoring of one state of a partition's data, how it ended, and when that was written."""

    partition: str
    digest: str
    completed: bool
    at: datetime


def read_manifest(content: bytes, at: datetime) -> Manifest | None:
    """Read a manifest; None for what is none, or is one of a run without a partition.

    :param at: when the blob was written.
    """
    try:
        found = json.loads(content)
    except ValueError:
        return None
    source = found.get("input") if isinstance(found, dict) else None
    digest = source.get("digest") if isinstance(source, dict) else None
    partition = found.get("partition") if isinstance(found, dict) else None
    if not isinstance(partition, str) or not isinstance(digest, str):
        return None
    return Manifest(partition, digest, str(found.get("status")).lower() == COMPLETED, at)


class OfPartitions:
    """Which blobs are manifests of some partitions, by the folder that their key is (D3)."""

    def __init__(self, keys: set[str]) -> None:
        self._segments = {encode_segment(key) for key in keys}

    def __call__(self, path: str) -> bool:
        """Whether a blob's path is one."""
        *folders, name = path.split("/")
        return name == NAME and not self._segments.isdisjoint(folders)
