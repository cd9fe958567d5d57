"""An invocation becomes a job: the rules, the name, the effective settings."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_fabml.emulator import kind_rules
from airflow_provider_fabml.emulator.errors import (
    deployment_missing,
    endpoint_missing,
    invalid_job,
    rule_broken,
    user_error,
)
from airflow_provider_fabml.emulator.model_job import CHILD_NAME
from airflow_provider_fabml.emulator.processes import Processes
from airflow_provider_fabml.emulator.settings import (
    SETTING_PREFIX,
    invocation_settings,
    model_settings,
    pipeline_properties,
)
from airflow_provider_fabml.emulator.state import Job, Run, display_name
from airflow_provider_fabml.emulator.uris import long_form

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.exchange import Call
    from airflow_provider_fabml.emulator.service import Service
    from airflow_provider_fabml.emulator.switches import Switches, Vintage
    from airflow_provider_fabml.emulator.wire import BatchJob
    from airflow_provider_fabml.emulator.workspace import (
        Endpoint,
        ModelDeployment,
        PipelineDeployment,
    )

_KNOWN_SETTINGS = {"continue_on_step_failure", "default_datastore", "force_rerun"}


def find_endpoint(service: Service, name: str) -> Endpoint:
    """Return the endpoint, or raise the recorded 404."""
    endpoint = service.store.endpoints.get(name)
    if endpoint is None:
        raise endpoint_missing(name, service.workspace.name)
    return endpoint


def find_deployment(endpoint: Endpoint, name: str) -> ModelDeployment | PipelineDeployment:
    """Return the deployment, or raise a 404."""
    deployment = endpoint.deployment(name)
    if deployment is None:
        raise deployment_missing(name, endpoint.name)
    return deployment


def chosen_deployment(call: Call) -> tuple[Endpoint, ModelDeployment | PipelineDeployment]:
    """Return endpoint and deployment of an invocation: path, header, or the default one."""
    endpoint = find_endpoint(call.service, call.path["endpoint"])
    name = call.path.get("deployment") or call.headers.get("azureml-model-deployment")
    name = name or endpoint.default_deployment
    if name is None:
        raise user_error(
            400,
            f"The endpoint '{endpoint.name}' has no default deployment. Set one, or name a "
            "deployment with the header 'azureml-model-deployment'.",
            "BadArgument",
            "DefaultDeploymentNotSet",
        )
    return endpoint, find_deployment(endpoint, name)


def new_job(call: Call, request: BatchJob) -> Job:
    """Return the job of a checked request; raise the refusal of one that breaks a rule."""
    service = call.service
    endpoint, deployment = chosen_deployment(call)
    if broken := kind_rules.check(request, deployment, service.workspace):
        raise invalid_job(broken)
    _check_pipeline_settings(request, deployment, service)
    switches = service.switches
    request = stored_request(request, switches, service.workspace.path)
    model = deployment.kind == "model"
    return Job(
        name=_job_name(request, switches, model=model),
        display_name=_display_name(request, switches),
        endpoint=endpoint.name,
        deployment=deployment,
        request=request,
        created=datetime.now(UTC),
        created_by=service.workspace.created_by,
        vintage=switches.vintage,
        settings=model_settings(request, deployment) if deployment.kind == "model" else None,
        pipeline_settings={}
        if deployment.kind == "model"
        else pipeline_properties(
            request,
            deployment,
            service.workspace,
            honoured=switches.pipeline_settings == "honoured",
        ),
        processes=Processes(),
        born=service.runner.timers.now(),
        shows_outputs=switches.keeps_output_uri != "no",
        request_id=call.headers.get("repeatability_request-id"),
        children=_children(deployment),
    )


def stored_request(request: BatchJob, switches: Switches, workspace_path: str) -> BatchJob:
    """Return the request as the service keeps it, by the switches."""
    update: dict[str, object] = {}
    if not switches.stores_tags:
        update["tags"] = {}
    if not switches.stores_description:
        update["description"] = None
    if switches.keeps_output_uri == "long_form":
        update["outputs"] = {
            name: output.model_copy(update={"uri": long_form(output.uri, workspace_path)})
            if output.uri
            else output
            for name, output in request.outputs.items()
        }
    return request.model_copy(update=update)


def _check_pipeline_settings(
    request: BatchJob, deployment: ModelDeployment | PipelineDeployment, service: Service
) -> None:
    sent = invocation_settings(request)
    if not sent or service.switches.pipeline_settings == "ignored":
        return
    broken = []
    for name, value in sent.items():
        field = f"Properties.{SETTING_PREFIX}{name}"
        if service.switches.pipeline_settings == "refused" or deployment.kind == "model":
            broken.append(rule_broken(field, "This setting is not allowed here.", value))
        elif name not in _KNOWN_SETTINGS:
            broken.append(rule_broken(field, f"Unknown setting '{name}'.", value))
        elif name == "default_datastore" and service.workspace.datastore(value) is None:
            broken.append(rule_broken(field, f"Datastore '{value}' was not found.", value))
    if broken:
        raise invalid_job(broken)


def _job_name(request: BatchJob, switches: Switches, *, model: bool) -> str:
    """Return the job's name: a GUID, for a model deployment with a prefix since 2023-04."""
    if switches.honours_name == "job_name" and request.name:
        return request.name
    prefix = "batchjob-" if model and _newer(switches.vintage) else ""
    return f"{prefix}{uuid.uuid4()}"


def _newer(vintage: Vintage) -> bool:
    return vintage == "2023-04"


def _display_name(request: BatchJob, switches: Switches) -> str:
    named = request.name if switches.honours_name != "no" else None
    return named or display_name()


def _children(deployment: ModelDeployment | PipelineDeployment) -> list[Run]:
    names = [CHILD_NAME] if deployment.kind == "model" else [step.name for step in deployment.steps]
    return [Run(str(uuid.uuid4()), name, display_name=display_name()) for name in names]
