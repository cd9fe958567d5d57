"""Azure Resource Manager's view of jobs: one, many, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.emulator.errors import job_missing, user_error
from airflow_provider_fabml.emulator.exchange import NOTHING, Answer, Call, Handled
from airflow_provider_fabml.emulator.render import resources
from airflow_provider_fabml.emulator.render.common import job_tags
from airflow_provider_fabml.emulator.render.jobs import arm_child, arm_job, job_properties
from airflow_provider_fabml.emulator.routes.arm import OPERATIONS, WS
from airflow_provider_fabml.emulator.routes.paging import page
from airflow_provider_fabml.emulator.visibility import job_by_name, listed_jobs, run_by_id

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.state import Job


def get_job(call: Call) -> Answer:
    """``GET WS/jobs/{j}``: a batch job, or a child run of one."""
    service = call.service
    found = run_by_id(service, call.path["job"])
    if found is None:
        raise job_missing(call.path["job"])
    job, child = found
    if child is not None:
        return Answer(arm_child(job, child, service.workspace))
    return Answer(arm_job(job, service.workspace))


def list_jobs(call: Call) -> Answer:
    """``GET WS/jobs`` with listViewType, jobType, tag and properties; pages by ``$skip``."""
    service = call.service
    jobs = [job for job in listed_jobs(service, call.stale) if _matches(call, job)]
    return Answer(page(call, jobs, lambda job: arm_job(job, service.workspace)))


def _matches(call: Call, job: Job) -> bool:
    query = call.query
    if query.get("listViewType", "ActiveOnly") == "ArchivedOnly":
        return False
    if query.get("jobType", "Pipeline").lower() != "pipeline":
        return False
    if (tag := query.get("tag")) and not _has(tag, job_tags(job)):
        return False
    properties = query.get("properties")
    return not properties or _has_all(properties, job_properties(job))


def _has(wanted: str, texts: dict[str, str]) -> bool:
    """Return whether ``name`` or ``name=value`` is among ``texts``."""
    name, equals, value = wanted.partition("=")
    return texts.get(name) == value if equals else name in texts


def _has_all(wanted: str, texts: dict[str, str]) -> bool:
    return all(_has(one.strip(), texts) for one in wanted.split(",") if one.strip())


def cancel(call: Call) -> Answer:
    """``POST WS/jobs/{j}/cancel``: 202, body null, an operation to poll (recorded 2023-03)."""
    service = call.service
    job = job_by_name(service, call.path["job"])
    if job is None:
        raise job_missing(call.path["job"])
    if job.over and service.switches.cancel_finished_job == "conflict":
        message = f"Job '{job.name}' is in the terminal state '{job.visible}'."
        raise user_error(409, message, "Conflict", "JobAlreadyFinished")
    service.runner.cancel(job, service.switches.cancel_seconds)
    version = call.query.get("api-version", "2023-04-01-preview")
    operation = f"jc:{service.workspace.workspace_id}:{job.name}"
    address = f"{resources.operations_url(service)}/mfeOperationResults/{operation}"
    headers = {
        "Location": f"{address}?api-version={version}",
        "x-ms-async-operation-timeout": "PT1H",
    }
    return Answer(None, status=202, headers=headers)


def cancel_result(call: Call) -> Answer:
    """``GET …/mfeOperationResults/{operation}``: 202 until the job is over, then 200, empty."""
    operation = call.path["operation"]
    if operation in call.service.store.operations:
        return Answer(NOTHING)
    job = call.service.store.job(operation.rpartition(":")[2])
    if job is None:
        raise user_error(404, f"Operation '{operation}' was not found.", "NotFound")
    if job.over:
        return Answer(NOTHING)
    return Answer({}, status=202, headers={"Location": f"{call.service.base_url}{call.url}"})


ROUTES = [
    Handled("GET", f"{WS}/jobs", "arm", "jobs/read", list_jobs),
    Handled("GET", f"{WS}/jobs/{{job}}", "arm", "jobs/read", get_job),
    Handled("POST", f"{WS}/jobs/{{job}}/cancel", "arm", "jobs/cancel/action", cancel),
    Handled(
        "GET", f"{OPERATIONS}/mfeOperationResults/{{operation}}", "arm", "jobs/read", cancel_result
    ),
]
