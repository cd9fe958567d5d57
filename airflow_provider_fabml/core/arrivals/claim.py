"""A run's claim on one state of a partition's data: only who holds it starts a job.

A router emits a partition again when its lease ends (`core.arrivals.due`), and cannot know whether the
run of before still waits for its turn. So each state of the data has one blob, which a run makes
before its POST and no other can make then: two runs of the same data do not both score it. A run that
a person asked for takes the claim from every run that was emitted before the request.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.arrivals.request import instant
from airflow_provider_fabml.core.arrivals.short_digest import short
from airflow_provider_fabml.core.scoring.run_identity import partition_folder, task_folder

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.core.scoring.run_identity import RunIdentity

# Names that begin with _ are data to nobody.
FOLDER = "_claims"


class Claim(NamedTuple):
    """The DAG run that holds it, and when its partition was emitted (unknown in older blobs)."""

    dag_id: str
    run_id: str
    emitted_at: datetime | None = None

    def is_of(self, other: Claim) -> bool:
        """Whether both are the same run's."""
        return self[:2] == other[:2]


def claim_path(identity: RunIdentity, digest: str) -> str:
    """Where the claim of a task on data with this digest lies, below the output root."""
    folder = f"{partition_folder(identity)}/{FOLDER}/{task_folder(identity)}"
    return f"{folder}/{short(digest)}.json"


def to_bytes(claim: Claim) -> bytes:
    """Give the blob's content."""
    at = claim.emitted_at.isoformat() if claim.emitted_at else None
    return json.dumps({**claim._asdict(), "emitted_at": at}, ensure_ascii=False).encode()


def read_claim(content: bytes) -> Claim | None:
    """Read what `to_bytes` gave; None for what is no claim."""
    try:
        found = json.loads(content)
    except ValueError:
        return None
    if not isinstance(found, dict) or not {"dag_id", "run_id"} <= found.keys():
        return None
    return Claim(str(found["dag_id"]), str(found["run_id"]), instant(found.get("emitted_at")))
