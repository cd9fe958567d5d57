"""What several answers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.emulator.state import Job
    from airflow_provider_fabml.emulator.workspace import Workspace

TYPE = "Microsoft.MachineLearningServices/workspaces"
API_VERSION = "2020-09-01-dataplanepreview"


def timestamp(at: datetime) -> str:
    """Return a time as the service writes it: seven decimals and an offset (all recordings)."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}0+00:00"


def service_host(workspace: Workspace) -> str:
    """Return the host that real answers name for the region's services."""
    return f"{workspace.location}.api.azureml.ms"


def studio_url(workspace: Workspace, job: str) -> str:
    """Return the studio's address of a job (all recordings)."""
    wsid = (
        f"/subscriptions/{workspace.subscription_id}/resourcegroups/{workspace.resource_group}"
        f"/workspaces/{workspace.name}"
    )
    return f"https://ml.azure.com/runs/{job}?wsid={wsid}"


def tracking_url(workspace: Workspace) -> str:
    """Return the MLflow address (all recordings)."""
    return f"azureml://{service_host(workspace)}/mlflow/v1.0{workspace.path}?"


def job_tags(job: Job) -> dict[str, str]:
    """Return a job's tags: the caller's, then the service's (by vintage)."""
    tags = dict(job.request.tags)
    if job.deployment.kind == "model":
        if job.vintage == "2023-04":
            given = next(iter(job.request.inputs.values()))
            tags["outputType"] = "output_data"
            tags["inputType"] = "input_data" if given.uri else "dataset"
        tags["azureml.batchrun"] = "true"
    tags["azureml.deploymentname"] = job.deployment.name
    if job.deployment.kind == "model" and job.vintage == "2023-04":
        tags["azureml.jobtype"] = "azureml.batchjob"
    return tags


def nulls(*names: str) -> dict[str, Any]:
    """Return members that are present and null."""
    return dict.fromkeys(names)
