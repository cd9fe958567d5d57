"""What a scoring leaves beside its predictions: the facts of the job that made them (D10).

A manifest is written last, after the output was checked, so predictions without one are not finished.
Names that begin with ``_`` are data to nobody: readers of a lakehouse hide them, and so does readiness.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_provider_fabml.core.jobs.job import JobHandle

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
    *,
    outputs: Mapping[str, Mapping[str, Any]],
    written_by: str,
    now: datetime,
) -> dict[str, Any]:
    """The manifest of a job that has ended, as plain JSON.

    The handle's ``inputs`` have what was seen of them right before the POST (``count``, ``bytes``,
    ``digest`` of names, etags and sizes); ``outputs`` are what was checked afterwards, by name.
    """
    run = dict(handle.run or {})
    return {
        "version": VERSION,
        "status": handle.status.lower(),
        "partition": run.pop("partition_key", None),
        "run": {**run, "attempt": handle.attempt},
        "job": {
            "name": handle.job_name,
            "endpoint": handle.endpoint_name,
            "deployment": handle.deployment_name,
            "invocation_id": handle.invocation_id,
            "studio_url": handle.studio_url,
            "submitted_at": handle.submitted_at,
        },
        "inputs": handle.inputs or {},
        "outputs": {
            name: {**asked, **outputs.get(name, {})}
            for name, asked in (handle.outputs or {}).items()
        },
        "written_at": now.isoformat(),
        "written_by": written_by,
    }


def to_bytes(value: Mapping[str, Any]) -> bytes:
    """The manifest as a person would like to read it: indented UTF-8."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"
