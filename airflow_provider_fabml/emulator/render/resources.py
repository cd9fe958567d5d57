"""Workspace, endpoints, deployments, datastores and data assets as ARM shows them.

Shapes: recordings ``batch_endpoint_get_2023-03``, ``batch_deployments_list_2023-03``,
``invoke_pipeline_component_2022-12``, ``datastores_2026-02``; workspace and data assets: the
models of the specification that the SDK reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.durations import duration_of
from airflow_provider_fabml.emulator.render.common import TYPE, nulls, timestamp

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.service import Service
    from airflow_provider_fabml.emulator.workspace import (
        DataAsset,
        Datastore,
        Endpoint,
        ModelDeployment,
        PipelineDeployment,
    )

_ACTIONS = {"append_row": "AppendRow", "summary_only": "SummaryOnly"}


def workspace(service: Service) -> dict[str, Any]:
    """Return the workspace; ``discoveryUrl`` is where the SDK finds the other planes."""
    served = service.workspace
    return {
        "id": served.path,
        "name": served.name,
        "type": TYPE,
        "location": served.location,
        "tags": {},
        "properties": {
            "friendlyName": served.name,
            "description": "Served by a local emulator.",
            "workspaceId": served.workspace_id,
            "provisioningState": "Succeeded",
            "discoveryUrl": f"{service.base_url}/discovery",
            "mlFlowTrackingUri": f"azureml://{served.location}.api.azureml.ms/mlflow/v1.0{served.path}",
            "publicNetworkAccess": "Enabled",
        },
        "systemData": _system_data(service),
    }


def _system_data(service: Service) -> dict[str, Any]:
    at = timestamp(service.store.created)
    return {"createdAt": at, "createdBy": service.workspace.created_by, "lastModifiedAt": at}


def endpoint(service: Service, found: Endpoint, *, state: str | None = None) -> dict[str, Any]:
    """Return a batch endpoint; while it is being made it has no scoring URI yet.

    ``state`` is the switch's where it is None.
    """
    state = state or service.switches.endpoint_state
    served = service.workspace
    path = f"{served.path}/batchEndpoints/{found.name}"
    ready = state == "Succeeded"
    operation = f"{operations_url(service)}/mfeOperationsStatus/be:{served.workspace_id}"
    properties = {
        "BatchEndpointCreationApiVersion": "2023-10-01",
        "azureml.onlineendpointid": path,
        **found.properties,
    }
    if ready:
        properties["AzureAsyncOperationUri"] = f"{operation}:{found.name}?api-version=2023-10-01"
    body = {
        "id": path,
        "name": found.name,
        "type": f"{TYPE}/batchEndpoints",
        "properties": {
            "description": found.description,
            "properties": properties,
            "scoringUri": f"{service.base_url}/endpoints/{found.name}/jobs" if ready else None,
            "swaggerUri": None,
            "authMode": "AADToken",
            "defaults": {"deploymentName": found.default_deployment},
            "provisioningState": state,
        },
        "systemData": _system_data(service),
        "tags": found.tags,
        "location": served.location,
    }
    return body if found.identity is None else body | {"identity": found.identity}


def operations_url(service: Service) -> str:
    """Return the address below which asynchronous operations are polled."""
    served = service.workspace
    return (
        f"{service.base_url}/subscriptions/{served.subscription_id}/providers"
        f"/Microsoft.MachineLearningServices/locations/{served.location}"
    )


def deployment(
    service: Service, at: Endpoint, found: ModelDeployment | PipelineDeployment
) -> dict[str, Any]:
    """Return a batch deployment of either kind."""
    properties = (
        _model_properties(service, found)
        if found.kind == "model"
        else _component_properties(service, found)
    )
    body = {
        "id": f"{service.workspace.path}/batchEndpoints/{at.name}/deployments/{found.name}",
        "name": found.name,
        "type": f"{TYPE}/batchEndpoints/deployments",
        "properties": properties,
        "systemData": _system_data(service),
        "tags": {},
        "location": service.workspace.location,
    }
    if found.kind != "model":
        del body["systemData"]
    return body


def _model_properties(service: Service, found: ModelDeployment) -> dict[str, Any]:
    path = service.workspace.path
    return {
        "description": found.description,
        "properties": {},
        "codeConfiguration": {
            "codeId": f"{path}/codes/{found.name}/versions/1",
            "scoringScript": found.scoring_script.name,
        },
        "environmentId": found.environment,
        "environmentVariables": found.environment_variables,
        "compute": f"{path}/computes/{found.compute}",
        "errorThreshold": found.error_threshold,
        "retrySettings": {
            "maxRetries": found.max_retries,
            "timeout": duration_of(found.timeout_seconds),
        },
        "miniBatchSize": found.mini_batch_size,
        "loggingLevel": found.logging_level,
        "model": {
            "referenceType": "Id",
            "assetId": f"{path}/models/{found.model_name}/versions/{found.model_version}",
        },
        "maxConcurrencyPerInstance": found.max_concurrency_per_instance,
        "outputAction": _ACTIONS[found.output_action],
        "outputFileName": found.output_file_name,
        "resources": _resources(found.instance_count),
        "provisioningState": "Succeeded",
    }


def _component_properties(service: Service, found: PipelineDeployment) -> dict[str, Any]:
    component = f"{service.workspace.path}/components/{found.component_name}/versions/{found.name}"
    settings = found.settings
    more = {}
    if settings.default_datastore:
        more["ComponentDeployment.Settings.default_datastore"] = settings.default_datastore
    if settings.force_rerun:
        more["ComponentDeployment.Settings.force_rerun"] = "True"
    return {
        "description": found.description,
        "properties": {
            "ComponentDeployment.ComponentId": component,
            "ComponentDeployment.Type": "pipeline",
            "ComponentDeployment.Settings.continue_on_step_failure": str(
                settings.continue_on_step_failure
            ),
            "ComponentDeployment.Name": found.component_name,
            **more,
        },
        **nulls("codeConfiguration", "environmentId", "environmentVariables", "compute"),
        "errorThreshold": 0,
        "retrySettings": {"maxRetries": 0, "timeout": "PT0S"},
        "miniBatchSize": 0,
        "loggingLevel": "Info",
        "model": None,
        "maxConcurrencyPerInstance": 0,
        "outputAction": "SummaryOnly",
        "outputFileName": None,
        "resources": _resources(1),
        "provisioningState": "Succeeded",
    }


def _resources(instances: int) -> dict[str, Any]:
    return {"instanceCount": instances, **nulls("instanceType", "properties")}


def datastore(service: Service, found: Datastore) -> dict[str, Any]:
    """Return a datastore with its account's name, never its key."""
    account = service.workspace.storage
    name = found.account_name or (account.account if account else "emulated")
    place = {
        "AzureBlob": {"accountName": name, "containerName": found.container},
        "AzureDataLakeGen2": {"accountName": name, "filesystem": found.container},
        "AzureFile": {"accountName": name, "fileShareName": found.container},
    }[found.type]
    return {
        "id": f"{service.workspace.path}/datastores/{found.name}",
        "name": found.name,
        "type": f"{TYPE}/datastores",
        "properties": {
            **nulls("description", "tags", "properties"),
            "isDefault": found.default,
            "credentials": {"credentialsType": "AccountKey"},
            **nulls("subscriptionId", "resourceGroup"),
            "datastoreType": found.type,
            **place,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "serviceDataAccessAuthIdentity": found.service_identity,
        },
    }


def data_version(service: Service, found: DataAsset) -> dict[str, Any]:
    """Return one version of a data asset."""
    path = f"{service.workspace.path}/data/{found.name}/versions/{found.version}"
    return {
        "id": path,
        "name": found.version,
        "type": f"{TYPE}/data/versions",
        "properties": {
            "description": None,
            "tags": {},
            "properties": {},
            "isArchived": False,
            "isAnonymous": False,
            "dataType": found.type,
            "dataUri": found.path,
        },
        "systemData": _system_data(service),
    }


def data_container(service: Service, name: str, versions: list[DataAsset]) -> dict[str, Any]:
    """Return a data asset with its latest version."""
    latest = versions[-1]
    return {
        "id": f"{service.workspace.path}/data/{name}",
        "name": name,
        "type": f"{TYPE}/data",
        "properties": {
            "description": None,
            "tags": {},
            "properties": {},
            "isArchived": False,
            "latestVersion": latest.version,
            "nextVersion": str(int(latest.version) + 1) if latest.version.isdigit() else None,
            "dataType": latest.type,
        },
        "systemData": _system_data(service),
    }
