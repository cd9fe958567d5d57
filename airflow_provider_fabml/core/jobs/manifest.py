"""What a scoring leaves beside its predictions: the facts of the job that made them (D10).

A manifest is written last, after the output was checked, so predictions without one are not finished.
Names that begin with ``_`` are data to nobody: readers of a lakehouse hide them, and so does readiness.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from airflow_provider_fabml.core.jobs.job import JobHandle
    from airflow_provider_fabml.core.scoring.run_identity import RunIdentity

NAME = "_manifest.json"
# Raised when a reader of before could misunderstand what is written now.
VERSION = 1


def manifest_uris(outputs: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Where the manifests of a job go: in the folder of each output, which several may share.

    ``outputs`` are a handle's: ``{"score": {"type": "UriFile", "uri": "azureml://…"}}``.
    """
    folders = {
        output["uri"].rpartition("/")[0] if output["type"] == "UriFile" else output["uri"]
        for output in outputs.values()
    }
    return tuple(sorted(f"{folder.rstrip('/')}/{NAME}" for folder in folders))


def manifest(
    handle: JobHandle,
    identity: RunIdentity,
    *,
    inputs: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Mapping[str, Any]],
    assets: Sequence[str] = (),
    written_by: str,
    now: datetime,
) -> dict[str, Any]:
    """The manifest of a job that has ended, as plain JSON.

    ``inputs`` are what was seen of the job's inputs right before its POST (``count``, ``bytes``,
    ``digest`` of names, etags and sizes), ``outputs`` what was checked afterwards; both by name.
    ``assets`` are the names of those whose partition the run scores.
    """
    return {
        "version": VERSION,
        "status": handle.status.lower(),
        "partition": identity.partition_key,
        "run": {
            "dag_id": identity.dag_id,
            "run_id": identity.run_id,
            "task_id": identity.task_id,
            "map_index": identity.map_index,
            "attempt": handle.attempt,
            "assets": list(assets),
        },
        "job": {
            "name": handle.job_name,
            "endpoint": handle.endpoint_name,
            "deployment": handle.deployment_name,
            "invocation_id": handle.invocation_id,
            "studio_url": handle.studio_url,
            "submitted_at": handle.submitted_at,
        },
        "inputs": _merged(handle.inputs or {}, inputs),
        "outputs": _merged(handle.outputs or {}, outputs),
        "written_at": now.isoformat(),
        "written_by": written_by,
    }


def _merged(
    asked: Mapping[str, Mapping[str, Any]], seen: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    return {name: {**value, **seen.get(name, {})} for name, value in asked.items()}


def to_bytes(value: Mapping[str, Any]) -> bytes:
    """The manifest as a person would like to read it: indented UTF-8."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"
