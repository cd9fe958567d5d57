"""What a request must keep to, by the deployment's kind.

Sources: "Create jobs and input data for batch endpoints" (inputs, outputs, datastores),
azure-docs issue 118447 (the UriFile text); a component's names are inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.errors import rule_broken
from airflow_provider_fabml.emulator.uris import OnDatastore, parse_place

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.wire import BatchJob
    from airflow_provider_fabml.emulator.workspace import (
        ModelDeployment,
        PipelineDeployment,
        Workspace,
    )

Broken = dict[str, Any]
WIRE_TYPES = {
    "uri_folder": "UriFolder",
    "uri_file": "UriFile",
    "mltable": "MLTable",
    "mlflow_model": "MLFlowModel",
    "custom_model": "CustomModel",
    "triton_model": "TritonModel",
}
SNAKE_TYPES = {wire: snake for snake, wire in WIRE_TYPES.items()}


def check(
    job: BatchJob, deployment: ModelDeployment | PipelineDeployment, workspace: Workspace
) -> list[Broken]:
    """Return every rule the request breaks, in the service's form; empty when none."""
    by_kind = _check_model(job) if deployment.kind == "model" else _check_component(job, deployment)
    return by_kind + _check_output_places(job, workspace)


def _check_model(job: BatchJob) -> list[Broken]:
    data = [name for name, given in job.inputs.items() if given.type not in {"Literal", "MLTable"}]
    broken = [
        rule_broken(f"InputData.{name}", f"A model deployment takes no {given.type} input.", name)
        for name, given in job.inputs.items()
        if given.type in {"Literal", "MLTable"}
    ]
    if len(data) != 1 and not broken:
        broken.append(
            rule_broken("InputData", "A model deployment takes exactly one data input.", len(data))
        )
    if len(job.outputs) > 1:
        broken.append(
            rule_broken(
                "OutputData", "A model deployment has exactly one output.", len(job.outputs)
            )
        )
    return broken + [
        rule_broken(
            f"OutputData.Values[{index}].JobOutputType",
            "Job output type must be 'uri_file'.",
            SNAKE_TYPES[output.type],
        )
        for index, output in enumerate(job.outputs.values())
        if output.type != "UriFile"
    ]


def _check_component(job: BatchJob, deployment: PipelineDeployment) -> list[Broken]:
    broken = [
        rule_broken(f"InputData.{name}", f"The component has no input '{name}'.", name)
        for name in job.inputs.keys() - deployment.inputs.keys()
    ]
    broken += [
        rule_broken(f"OutputData.{name}", f"The component has no output '{name}'.", name)
        for name in job.outputs.keys() - deployment.outputs.keys()
    ]
    for name, wanted in deployment.inputs.items():
        given = job.inputs.get(name)
        if given is None:
            if not wanted.optional and wanted.default is None:
                broken.append(
                    rule_broken(f"InputData.{name}", f"The input '{name}' is required.", None)
                )
        elif given.type != (wire := "Literal" if wanted.literal else WIRE_TYPES[wanted.type]):
            broken.append(
                rule_broken(f"InputData.{name}", f"Job input type must be '{wire}'.", given.type)
            )
    return broken


def _check_output_places(job: BatchJob, workspace: Workspace) -> list[Broken]:
    broken = []
    for name, output in job.outputs.items():
        if output.uri is None:
            continue
        place = parse_place(output.uri)
        if not isinstance(place, OnDatastore):
            reason = "An output must be a path on a datastore: azureml://datastores/…/paths/…"
            broken.append(rule_broken(f"OutputData.{name}.Uri", reason, output.uri))
            continue
        store = workspace.datastore(place.datastore)
        if store is None:
            reason = f"Datastore '{place.datastore}' was not found."
            broken.append(rule_broken(f"OutputData.{name}.Uri", reason, output.uri))
        elif store.type != "AzureBlob":
            reason = (
                "DatastoreTypeNotSupported: outputs need a Blob datastore, "
                f"'{store.name}' is {store.type}."
            )
            broken.append(rule_broken(f"OutputData.{name}.Uri", reason, output.uri))
    return broken
