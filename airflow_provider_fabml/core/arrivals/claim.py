"""A run's claim on one state of a partition's data: only who holds it starts a job.

A router emits a partition again when its lease ends (`core.arrivals.due`), and cannot know whether the
run of before still waits for its turn. So each state of the data has one blob, which a run makes
before its POST and no other can make then: two runs of the same data do not both score it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.arrivals.short_digest import short
from airflow_provider_fabml.core.scoring.run_identity import partition_folder, task_folder

if TYPE_CHECKING:
    from airflow_provider_fabml.core.scoring.run_identity import RunIdentity

# Names that begin with _ are data to nobody.
FOLDER = "_claims"


class Claim(NamedTuple):
    """The DAG run that holds it."""

    dag_id: str
    run_id: str


def claim_path(identity: RunIdentity, digest: str) -> str:
    """Where the claim of a task on data with this digest lies, below the output root."""
    folder = f"{partition_folder(identity)}/{FOLDER}/{task_folder(identity)}"
    return f"{folder}/{short(digest)}.json"


def to_bytes(claim: Claim) -> bytes:
    """Give the blob's content."""
    return json.dumps(claim._asdict(), ensure_ascii=False).encode()


def read_claim(content: bytes) -> Claim | None:
    """Read what `to_bytes` gave; None for what is no claim."""
    try:
        found = json.loads(content)
    except ValueError:
        return None
    if not isinstance(found, dict) or set(found) != set(Claim._fields):
        return None
    return Claim(**{name: str(value) for name, value in found.items()})
