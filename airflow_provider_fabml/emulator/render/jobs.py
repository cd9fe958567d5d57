"""A job's three faces: data-plane answer, ARM resource, and its properties.

Shapes: recordings ``invoke_*`` and ``job_get_running_2023-03``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.kind_rules import SNAKE_TYPES
from airflow_provider_fabml.emulator.render.common import (
    TYPE,
    job_tags,
    nulls,
    studio_url,
    timestamp,
    tracking_url,
)
from airflow_provider_fabml.emulator.settings import azureml_parameters

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.settings import ModelSettings
    from airflow_provider_fabml.emulator.state import Job
    from airflow_provider_fabml.emulator.workspace import Workspace


def data_plane_job(job: Job, workspace: Workspace, *, status: str | None = None) -> dict[str, Any]:
    """Return a ``BatchJobResource``; ``status`` overrides the present one."""
    model = job.deployment.kind == "model"
    scope = f"batchEndpoints/{job.endpoint}/deployments/{job.deployment.name}"
    # The recorded pipeline component's id has an empty endpoint segment.
    home = f"{workspace.path}/{scope if model else 'batchEndpoints/'}"
    kind = "batchEndpoints/deployments/jobs" if model else "batchEndpoints/jobs"
    return {
        "id": f"{home}/jobs/{job.name}",
        "name": job.name,
        "type": f"{TYPE}/{kind}",
        "properties": _data_plane_properties(job, workspace, status or job.visible),
        "systemData": _system_data(job),
    }


def _data_plane_properties(job: Job, workspace: Workspace, status: str) -> dict[str, Any]:
    body: dict[str, Any] = {"provisioningState": "Succeeded"}
    if job.request.description is not None:
        body["description"] = job.request.description
    body["inputData"] = {name: _input(given) for name, given in job.request.inputs.items()}
    if job.request.outputs and job.shows_outputs:
        body["outputData"] = _outputs(job)
    settings = job.settings
    if settings is not None:
        body |= _model_fields(job, settings)
    body["compute"] = _compute(job, workspace)
    if settings is None or job.vintage == "2023-04":
        body["output"] = nulls("datastoreId", "path")
    return body | {
        "status": status,
        "interactionEndpoints": _endpoints(job, workspace, "jobEndpointType"),
        "tags": job_tags(job),
        "properties": job_properties(job),
        "name": job.display_name,
    }


def _model_fields(job: Job, settings: ModelSettings) -> dict[str, Any]:
    """Return the settings a model deployment's answer carries, by vintage."""
    retry = {"retrySettings": {"maxRetries": settings.max_retries, "timeout": settings.timeout}}
    if job.vintage == "2023-04":
        return retry
    named = {} if job.request.outputs else {"outputFileName": settings.output_file_name}
    return {
        "miniBatchSize": settings.mini_batch_size,
        "errorThreshold": settings.error_threshold,
        **named,
        **retry,
        "loggingLevel": settings.logging_level,
    }


def _input(given: Any) -> dict[str, Any]:
    if given.type == "Literal":
        return {"description": given.description, "value": given.value, "jobInputType": "Literal"}
    return {
        "description": given.description,
        "uri": given.uri,
        "mode": "ReadOnlyMount",
        "jobInputType": given.type,
    }


def _outputs(job: Job) -> dict[str, Any]:
    """Return the outputs; a model deployment's comes back as ``score``, whatever its name was."""
    model = job.deployment.kind == "model"
    return {
        "score" if model else name: {
            "description": output.description,
            "uri": output.uri,
            "mode": "ReadWriteMount",
            "jobOutputType": output.type,
        }
        for name, output in job.request.outputs.items()
    }


def _arm_outputs(job: Job) -> dict[str, Any]:
    """Return the outputs as ARM spells them: ``uri_folder`` where the data plane has UriFolder."""
    return {
        name: output | {"jobOutputType": SNAKE_TYPES[output["jobOutputType"]]}
        for name, output in _outputs(job).items()
    }


def _compute(job: Job, workspace: Workspace) -> dict[str, Any]:
    model = job.deployment.kind == "model"
    name = getattr(job.deployment, "compute", None)
    count = job.settings.overridden_instance_count if job.settings else None
    return {
        "target": f"{workspace.path}/computes/{name}" if model else None,
        "instanceCount": count,
        "isLocal": False,
        **nulls("location", "instanceType", "properties"),
    }


def _endpoints(job: Job, workspace: Workspace, type_key: str) -> dict[str, Any]:
    addresses = {"Tracking": tracking_url(workspace), "Studio": studio_url(workspace, job.name)}
    more = nulls("status", "errorMessage") if type_key == "jobServiceType" else {}
    nodes = nulls("nodes") if type_key == "jobServiceType" else {}
    return {
        kind: {type_key: kind, "port": None, "endpoint": address, **more, "properties": None}
        | nodes
        for kind, address in addresses.items()
    }


def job_properties(job: Job) -> dict[str, str]:
    """Return a job's own properties; both kinds and vintages differ as recorded."""
    common = {"azureml.runsource": "azureml.PipelineRun", "runType": "HTTP"}
    if job.settings is None:
        found = common | {
            "azureml.runLineageType": "batchDeployment",
            "runSource": "BatchDeployment",
            "azureml.parameters": "{}",
            "azureml.sourcepipelinerunid": job.pipeline_id,
            **job.pipeline_settings,
        }
    else:
        kept = job.settings.output_uri if job.shows_outputs else None
        newer = job.vintage == "2023-04"
        found = common | {
            "runSource": "Unavailable",
            "azureml.parameters": azureml_parameters(job.settings, kept, newer=newer),
            "azureml.continue_on_step_failure": "False",
            "azureml.continue_on_failed_optional_input": "False",
            "azureml.pipelineid": job.pipeline_id,
        }
    return found | {"azureml.pipelineComponent": "pipelinerun"}


def _system_data(job: Job) -> dict[str, Any]:
    """Return who made the job; which members there are depends on vintage and kind."""
    at, by = timestamp(job.created), job.created_by
    if job.settings is not None and job.vintage != "2023-04":
        return {"createdAt": at, "createdBy": by, "createdByType": "User"}
    return {"createdAt": at, "createdBy": by, "lastModifiedAt": at, "lastModifiedBy": by}


def arm_job(job: Job, workspace: Workspace) -> dict[str, Any]:
    """Return the job as ARM's ``JobBase`` of type Pipeline."""
    submission = (
        f"Pipeline submission for endpoint: {job.endpoint}, deployment: {job.deployment.name}."
    )
    # The documentation has experimentName for pipeline component deployments only.
    asked = job.request.properties if job.settings is None else {}
    experiment = asked.get("experimentName", job.endpoint)
    kept = job.settings is None and job.request.outputs and job.shows_outputs
    return {
        "id": f"{workspace.path}/jobs/{job.name}",
        "name": job.name,
        "type": f"{TYPE}/jobs",
        "properties": {
            "description": job.request.description or submission,
            "tags": job_tags(job),
            "properties": job_properties(job),
            "displayName": job.display_name,
            "status": job.visible,
            "experimentName": experiment,
            "services": _endpoints(job, workspace, "jobServiceType"),
            "computeId": None,
            "isArchived": False,
            **nulls("identity", "componentId"),
            "jobType": "Pipeline",
            **nulls("settings", "jobs", "inputs"),
            "outputs": _arm_outputs(job) if kept else None,
            "sourceJobId": None,
        },
        "systemData": {
            "createdAt": timestamp(job.created),
            "createdBy": job.created_by,
            "createdByType": "User",
        },
    }


def arm_child(job: Job, child: Any, workspace: Workspace) -> dict[str, Any]:
    """Return a child run as ARM's ``JobBase`` of type Command (shape of the specification)."""
    return {
        "id": f"{workspace.path}/jobs/{child.run_id}",
        "name": child.run_id,
        "type": f"{TYPE}/jobs",
        "properties": {
            "description": None,
            "tags": {},
            "properties": {"azureml.pipelinerunid": job.name},
            "displayName": child.display_name,
            "status": child.status,
            "experimentName": job.endpoint,
            "services": _endpoints(job, workspace, "jobServiceType"),
            "computeId": None,
            "isArchived": False,
            **nulls("identity", "componentId"),
            "jobType": "Command",
            "command": child.name,
            "environmentId": f"{workspace.path}/environments/emulator/versions/1",
            **nulls("inputs", "outputs"),
        },
        "systemData": {"createdAt": timestamp(job.created), "createdBy": job.created_by},
    }
