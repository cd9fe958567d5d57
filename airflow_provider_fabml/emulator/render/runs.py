"""Run history: parent and child runs.

Shapes: recording ``history_children_and_rundata_batchscoring_2022-11``; the error's shape is
run history's of 2026-02.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.render.common import job_tags, nulls, timestamp
from airflow_provider_fabml.emulator.render.jobs import job_properties

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.emulator.service import Service
    from airflow_provider_fabml.emulator.state import Job, Run


def run_metadata(service: Service, job: Job, child: Run | None) -> dict[str, Any]:
    """Return the metadata of a job's own run, or of one of its children."""
    return _child(service, job, child) if child is not None else _parent(service, job)


def error_body(service: Service, message: str | None, reference: str, at: Any) -> Any:
    """Return the nested error of a run, None where it has none."""
    if message is None:
        return None
    location = service.workspace.location
    return {
        "error": {
            "code": "UserError",
            "severity": None,
            "message": message,
            "messageFormat": message,
            "messageParameters": {},
            "referenceCode": reference,
            "detailsUri": None,
            "target": None,
            "details": [],
            "innerError": None,
            "debugInfo": None,
            "additionalInfo": None,
        },
        "correlation": None,
        "environment": location,
        "location": location,
        "time": at,
        "componentName": "RunHistory",
    }


def _when(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)


def _duration(started: datetime | None, ended: datetime | None) -> str | None:
    if started is None or ended is None:
        return None
    seconds = (ended - started).total_seconds()
    hours, rest = divmod(max(0.0, seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{int(hours):02}:{int(minutes):02}:{seconds:010.7f}"


def _base(
    service: Service, job: Job, started: datetime | None, ended: datetime | None
) -> dict[str, Any]:
    """Return the members that every run has, in the recording's order."""
    duration = _duration(started, ended)
    workspace = service.workspace
    return {
        "runNumber": int(job.created.timestamp()),
        "rootRunId": job.name,
        "createdUtc": timestamp(job.created),
        "createdBy": {
            "userObjectId": workspace.principals[0].object_id,
            "userTenantId": workspace.tenant_id,
            "userName": job.created_by,
            "upn": None,
        },
        "error": None,
        "warnings": None,
        "revision": 16,
        "statusRevision": 2,
        "computeDuration": duration,
        "lastModifiedUtc": timestamp(ended or started or job.created),
        "duration": duration,
        **nulls("cancelationReason", "currentAttemptId"),
    }


def _parent(service: Service, job: Job) -> dict[str, Any]:
    base = _base(service, job, job.started, job.ended)
    failed = job.error if job.visible == "Failed" else None
    return base | {
        "error": error_body(service, failed, "PipelineHasStepJobFailed", _when(job.ended)),
        "runId": job.name,
        "parentRunId": None,
        "experimentId": service.workspace.workspace_id,
        "status": job.visible,
        "startTimeUtc": _when(job.started),
        "endTimeUtc": _when(job.ended),
        "scheduleId": None,
        "displayName": job.display_name,
        "name": None,
        "dataContainerId": f"dcid.{job.name}",
        "description": job.request.description,
        "hidden": False,
        "runType": "azureml.PipelineRun",
        "runTypeV2": {
            "orchestrator": "Execution",
            "traits": ["azureml.PipelineRun"],
            "attribution": "Aether",
            "computeType": None,
        },
        "properties": job_properties(job),
        "scriptName": None,
        "target": None,
        "tags": job_tags(job),
        "settings": {},
        "services": {},
        "inputDatasets": [],
        "outputDatasets": [],
        **nulls("compute", "inputs", "outputs"),
    }


def _child(service: Service, job: Job, child: Run) -> dict[str, Any]:
    scoring = job.settings is not None
    target = getattr(job.deployment, "compute", "cpu-cluster")
    base = _base(service, job, child.started, child.ended)
    return base | {
        "error": error_body(service, child.error, "UserScriptFailed", _when(child.ended)),
        "runId": child.run_id,
        "parentRunId": job.name,
        "experimentId": service.workspace.workspace_id,
        "status": child.status,
        "startTimeUtc": _when(child.started),
        "endTimeUtc": _when(child.ended),
        "scheduleId": None,
        "displayName": child.display_name,
        "name": child.name,
        "dataContainerId": f"dcid.{child.run_id}",
        "description": None,
        "hidden": False,
        "runType": "azureml.StepRun",
        "runTypeV2": _child_type(),
        "properties": _child_properties(job, child, scoring=scoring),
        "scriptName": "driver/amlbi_main.py" if scoring else child.name,
        "target": target,
        "tags": _child_tags(job, child),
        "settings": {},
        "services": {},
        "inputDatasets": _input_datasets(job) if scoring else [],
        "outputDatasets": [],
        "compute": _compute(job, target),
        **nulls("inputs", "outputs"),
    }


def _child_type() -> dict[str, Any]:
    return {
        "orchestrator": "Execution",
        "traits": ["azureml.StepRun", "scriptRun", "remote", "Hosttools", "OsType:Linux"],
        "attribution": "Aether",
        "computeType": "AmlcTrain",
    }


def _child_properties(job: Job, child: Run, *, scoring: bool) -> dict[str, str]:
    parallel = {"azureml.parallelrunstep": "true"} if scoring else {}
    return {
        "StepType": "PythonScriptStep",
        "ComputeTargetType": "AmlCompute",
        "azureml.moduleName": child.name,
        "azureml.runsource": "azureml.StepRun",
        "azureml.nodeid": child.run_id[:8],
        "azureml.pipelinerunid": job.name,
        "azureml.pipeline": job.name,
        "azureml.pipelineid": job.pipeline_id,
        "azureml.pipelineComponent": "masterescloud",
        **parallel,
        "ProcessInfoFile": "azureml-logs/process_info.json",
        "ProcessStatusFile": "azureml-logs/process_status.json",
    }


def _child_tags(job: Job, child: Run) -> dict[str, str]:
    return {
        "azureml.nodeid": child.run_id[:8],
        "azureml.pipeline": job.name,
        "mlflow.source.type": "JOB",
        "mlflow.source.name": "driver/amlbi_main.py",
    }


def _input_datasets(job: Job) -> list[dict[str, Any]]:
    identifier = {"savedId": job.pipeline_id, **nulls("registeredId", "registeredVersion")}
    details = {"inputName": "dataset_param_config", "mechanism": "Mount", "pathOnCompute": None}
    return [{"identifier": identifier, "consumptionType": "RunInput", "inputDetails": details}]


def _compute(job: Job, target: str) -> dict[str, Any]:
    return {
        "target": target,
        "targetType": "amlcompute",
        **nulls("vmSize", "instanceType"),
        "instanceCount": job.settings.instance_count if job.settings else 1,
        "gpuCount": 0,
        **nulls("priority", "region"),
    }
