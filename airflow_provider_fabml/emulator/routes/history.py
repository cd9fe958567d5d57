"""Run history: runs, their children, details with logs, one or many runs' data."""

from __future__ import annotations

from typing import Any

from airflow_provider_fabml.emulator.errors import ServiceError, user_error
from airflow_provider_fabml.emulator.exchange import Answer, Call, Handled
from airflow_provider_fabml.emulator.render.run_definition import run_definition
from airflow_provider_fabml.emulator.render.runs import run_metadata
from airflow_provider_fabml.emulator.routes.arm import WS
from airflow_provider_fabml.emulator.visibility import run_by_id

HISTORY = f"/history/v1.0{WS}"
READ = "experiments/runs/read"
_RUN_DATA_KEYS = {
    "runId",
    "selectRunMetadata",
    "selectRunDefinition",
    "selectJobSpecification",
}


def _run(call: Call, run_id: str) -> tuple[Any, Any]:
    found = run_by_id(call.service, run_id)
    if found is None:
        raise user_error(404, f"Run {run_id} was not found.", "NotFound", "RunNotFound")
    return found


def get_run(call: Call) -> Answer:
    """``GET …/runs/{r}``."""
    job, child = _run(call, call.path["run"])
    return Answer(run_metadata(call.service, job, child))


def children(call: Call) -> Answer:
    """``GET …/runs/{r}/children``: pages go on with ``$continuationtoken`` (specification)."""
    job, child = _run(call, call.path["run"])
    runs = [] if child is not None else job.children_visible
    start, size = int(call.query.get("$continuationtoken") or 0), call.service.switches.page_size
    shown = runs[start : start + size]
    body: dict[str, Any] = {"value": [run_metadata(call.service, job, run) for run in shown]}
    if start + size < len(runs):
        body["continuationToken"] = str(start + size)
    return Answer(body)


def details(call: Call) -> Answer:
    """``GET …/runs/{r}/details``: status, error and log addresses; what ``jobs.stream`` reads."""
    job, child = _run(call, call.path["run"])
    run = run_metadata(call.service, job, child)
    logged = child or (job.children[0] if job.children_visible else None)
    address = f"{call.service.base_url}/_emulator/logs/{logged.run_id}" if logged else ""
    body = {
        "runId": run["runId"],
        "target": run["target"],
        "status": run["status"],
        "startTimeUtc": run["startTimeUtc"],
        "endTimeUtc": run["endTimeUtc"],
        "error": run["error"],
        "warnings": None,
        "properties": run["properties"],
        "inputDatasets": [],
        "outputDatasets": [],
        "logFiles": {"logs/azureml/executionlogs.txt": address} if logged else {},
        "submittedBy": job.created_by,
    }
    return Answer(body)


def run_data(call: Call) -> Answer:
    """``POST …/rundata``."""
    return Answer(_data_of(call, call.json()))


def _data_of(call: Call, request: Any) -> dict[str, Any]:
    if unknown := set(request) - _RUN_DATA_KEYS:
        raise user_error(400, f"Unknown keys {sorted(unknown)}.", "BadArgument")
    if not request.get("runId"):
        raise user_error(400, "The key 'runId' is required.", "BadArgument")
    job, child = _run(call, request["runId"])
    metadata = run_metadata(call.service, job, child)
    wanted = request.get("selectRunDefinition") and child is not None
    return {
        "runMetadata": metadata if request.get("selectRunMetadata") else None,
        "runDefinition": run_definition(call.service, job, child) if wanted else None,
        "jobSpecification": None,
        "systemSettings": None,
    }


def batch_run_data(call: Call) -> Answer:
    """``POST …/batchrundata``: many runs in one answer; each may fail for itself."""
    asked = call.json()
    if set(asked) - {"requests"}:
        raise user_error(400, "Only the key 'requests' is known.", "BadArgument")
    good: dict[str, Any] = {}
    bad: dict[str, Any] = {}
    for key, request in (asked.get("requests") or {}).items():
        try:
            good[key] = _data_of(call, request)
        except ServiceError as error:
            bad[key] = error.body(location=call.service.workspace.location, time="")
    return Answer({"successfulResults": good, "failedResults": bad})


ROUTES = [
    Handled("GET", f"{HISTORY}/runs/{{run}}", "history", READ, get_run),
    Handled("GET", f"{HISTORY}/runs/{{run}}/children", "history", READ, children),
    Handled("GET", f"{HISTORY}/runs/{{run}}/details", "history", READ, details),
    Handled("POST", f"{HISTORY}/rundata", "history", READ, run_data),
    Handled("POST", f"{HISTORY}/batchrundata", "history", READ, batch_run_data),
]
