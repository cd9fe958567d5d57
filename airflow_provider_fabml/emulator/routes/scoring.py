"""The data plane: invocations and their jobs, at the scoring URI and at the front end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.errors import job_missing, user_error
from airflow_provider_fabml.emulator.exchange import Answer, Call, Handled
from airflow_provider_fabml.emulator.invocation import find_deployment, find_endpoint, new_job
from airflow_provider_fabml.emulator.render.common import API_VERSION, service_host
from airflow_provider_fabml.emulator.render.jobs import data_plane_job
from airflow_provider_fabml.emulator.routes.arm import WS
from airflow_provider_fabml.emulator.routes.paging import page
from airflow_provider_fabml.emulator.transitions import FIRST
from airflow_provider_fabml.emulator.visibility import job_by_name, listed_jobs
from airflow_provider_fabml.emulator.wire import parse_invocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.emulator.state import Job

SCORING = "/endpoints/{endpoint}/jobs"
FRONT_END = f"/mferp/managementfrontend{WS}/batchEndpoints/{{endpoint}}"
INVOKE = "batchEndpoints/deployments/jobs/write"
READ = "batchEndpoints/deployments/jobs/read"


def invoke(call: Call) -> Answer:
    """``POST {scoringUri}``: 201 with the job's first state."""
    service = call.service
    switches = service.switches
    repeated = call.headers.get("repeatability_request-id")
    with service.store.lock:
        known = service.store.job_of_request(repeated) if repeated else None
        job = known if known is not None and switches.honours_request_id else None
        if job is None:
            job = new_job(call, parse_invocation(call.json()))
            if service.store.job(job.name) is not None:
                raise user_error(409, f"Job '{job.name}' exists already.", "Conflict")
            service.store.add(job)
            service.runner.submit(job)
    body = data_plane_job(job, service.workspace, status=FIRST)
    return Answer(body, status=201, headers=_headers(call, job), delay=switches.invoke_seconds)


def _headers(call: Call, job: Job) -> dict[str, str]:
    """Return the recorded headers; ``Location`` names the deployment, on another host."""
    served = call.service.workspace
    place = f"batchEndpoints/{job.endpoint}/deployments/{job.deployment.name}"
    root = f"https://{service_host(served)}/mferp/managementfrontend{served.path}"
    return {
        "azureml-model-deployment": job.deployment.name,
        "Location": f"{root}/{place}?api-version={API_VERSION}",
        "Server": "azureml-frontdoor",
        "x-ms-response-type": "standard",
        "x-request-time": f"{call.service.switches.invoke_seconds:.3f}",
    }


def get_job(call: Call) -> Answer:
    """``GET {scoringUri}/{job}``."""
    job = job_by_name(call.service, call.path["job"])
    if job is None or not _wanted(call)(job):
        raise job_missing(call.path["job"])
    return Answer(_render(call, job))


def list_jobs(call: Call) -> Answer:
    """``GET {scoringUri}`` or the front end's list of an endpoint's or deployment's jobs."""
    jobs = list(filter(_wanted(call), listed_jobs(call.service, call.stale)))
    return Answer(page(call, jobs, lambda job: _render(call, job), parameter="$skiptoken"))


def _render(call: Call, job: Job) -> Any:
    return data_plane_job(job, call.service.workspace)


def _wanted(call: Call) -> Callable[[Job], bool]:
    """Return whether a job is of the endpoint, and of the deployment if one was named."""
    endpoint = find_endpoint(call.service, call.path["endpoint"])
    wanted = call.path.get("deployment") or call.query.get("deployment")
    if "deployment" in call.path:
        find_deployment(endpoint, call.path["deployment"])
    return lambda job: job.endpoint == endpoint.name and wanted in {None, job.deployment.name}


ROUTES = [
    route
    for base in (SCORING, f"{FRONT_END}/jobs", f"{FRONT_END}/deployments/{{deployment}}/jobs")
    for route in (
        Handled("POST", base, "data", INVOKE, invoke),
        Handled("GET", base, "data", READ, list_jobs),
        Handled("GET", f"{base}/{{job}}", "data", READ, get_job),
    )
]
