"""What a manifest beside an output says of its partition (D10); the rest of it is not read here.

::

    {
        "partition": "2026-01-31",
        "status": "completed",
        "inputs": {"heart": {"digest": "<of the readiness fold>"}},
    }

The writer is ``core.jobs.manifest``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.jobs.manifest import NAME
from airflow_provider_fabml.core.scoring.run_identity import encode_segment

if TYPE_CHECKING:
    from datetime import datetime

COMPLETED = "completed"


class Manifest(NamedTuple):
    """One scoring of one state of a partition's data, how it ended, and when that was written.

    A job may have several inputs; `digests` has that of each folder among them.
    """

    partition: str
    digests: frozenset[str]
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
    found = found if isinstance(found, dict) else {}
    partition, inputs = found.get("partition"), found.get("inputs")
    if not isinstance(partition, str) or not isinstance(inputs, dict):
        return None
    told = [value.get("digest") for value in inputs.values() if isinstance(value, dict)]
    digests = frozenset(digest for digest in told if isinstance(digest, str))
    if not digests:
        return None
    return Manifest(partition, digests, str(found.get("status")).lower() == COMPLETED, at)


class OfPartitions:
    """Which blobs are manifests of some partitions, by the folder that their key is (D3)."""

    def __init__(self, keys: set[str]) -> None:
        self._segments = {encode_segment(key) for key in keys}

    def __call__(self, path: str) -> bool:
        """Whether a blob's path is one."""
        *folders, name = path.split("/")
        return name == NAME and not self._segments.isdisjoint(folders)
