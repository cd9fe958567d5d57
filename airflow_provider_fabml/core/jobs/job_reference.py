"""How a DAG names a job that something else started: a handle, or a job's name."""

from __future__ import annotations

import json
from collections.abc import Mapping

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.jobs.job import JobHandle, JobView
from airflow_provider_fabml.core.storage.uri_text import has_jinja


def check_job(job: object) -> None:
    """Refuse, when the DAG file is read, what can never name a job; templates are left alone."""
    if isinstance(job, (str, Mapping)) and not has_jinja(str(job)):
        handle_of(job)


def handle_of(job: object) -> JobHandle:
    """The handle in ``job``: a handle's dictionary, its JSON text, or a job's name.

    Raises ``UsageError``.
    """
    value = _opened(job)
    if isinstance(value, Mapping):
        return _from_mapping(value)
    if not isinstance(value, str) or not value.strip() or value == "None":
        raise UsageError(
            rule="job-missing",
            field="job",
            value=job,
            reason="no job is named; Jinja renders a missing XCom as 'None'",
            remedy="hand over the invoke task's output, e.g. job=score.output",
        )
    if not value.isprintable() or set(value) & set("{}[]'\"/ "):
        raise UsageError(
            rule="job-not-a-name",
            field="job",
            value=job,
            reason="it is neither a handle nor a job's name; a template turns a handle into text",
            remedy="write job=score.output, or end the template with ['job_name'] }}",
        )
    return JobHandle(value)


def _opened(job: object) -> object:
    if isinstance(job, str) and job.lstrip().startswith("{"):
        try:
            return json.loads(job)
        except ValueError:
            return job
    return job


def _from_mapping(value: Mapping[str, object]) -> JobHandle:
    name = value.get("job_name")
    if not isinstance(name, str) or not name:
        raise UsageError(
            rule="job-handle-without-name",
            field="job",
            value=dict(value),
            reason="the handle has no job_name",
            remedy="hand over what AzureMLInvokeBatchEndpointOperator returned",
        )
    return JobHandle.from_json(value)


def told_by(handle: JobHandle, view: JobView) -> JobHandle:
    """The handle with what the service just told: status, and what a bare name left open."""
    return handle._replace(
        status=view.status,
        studio_url=handle.studio_url or view.studio_url,
        endpoint_name=handle.endpoint_name or str(view.properties.get("experimentName") or ""),
        submitted_at=handle.submitted_at or view.created_at,
    )
