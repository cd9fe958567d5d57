"""Rules that depend on what stands behind the endpoint: a model or a pipeline component.

Source: "Understanding inputs and outputs in batch endpoints" (Microsoft), and the real refusal of a
folder output by a model deployment (azure-docs#118447). Held before the POST.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.scoring.invocation import KINDS, Invocation
from airflow_provider_fabml.core.scoring.job_io import LiteralInput, MLTable, UriFile
from airflow_provider_fabml.core.scoring.settings import MODEL, PIPELINE, TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_kind(kind: object) -> str | None:
    """A stated ``deployment_kind``; None means: ask the service."""
    if kind is None:
        return None
    if kind not in KINDS:
        raise UsageError(
            rule="deployment-kind-unknown",
            field="deployment_kind",
            value=kind,
            reason="a batch deployment serves a model or a pipeline component",
            remedy=f"use one of {', '.join(KINDS)}, or leave it out to have it read",
        )
    return str(kind)


def kind_of(deployment: Mapping[str, Any]) -> str:
    """The kind of a deployment as ``GET …/deployments/{name}`` tells it.

    Recording ``invoke_pipeline_component_2022-12`` has it in ``properties.properties``; newer
    API versions in ``deploymentConfiguration``.
    """
    properties = deployment.get("properties") or {}
    bag = properties.get("properties") or {}
    configuration = properties.get("deploymentConfiguration") or {}
    named = (
        bag.get("ComponentDeployment.Type"),
        configuration.get("deploymentConfigurationType"),
    )
    return PIPELINE if any("pipeline" in str(name).casefold() for name in named) else MODEL


def check_kind(invocation: Invocation, kind: str) -> None:
    """Raises ``UsageError`` where the invocation cannot work on a deployment of this kind."""
    _check_settings(invocation, kind)
    if kind == MODEL:
        _check_model_inputs(invocation)
        _check_model_outputs(invocation)
    else:
        _check_pipeline_outputs(invocation)


def _check_settings(invocation: Invocation, kind: str) -> None:
    for row in TABLE:
        if row.name in invocation.settings and kind not in row.kinds:
            raise UsageError(
                rule="setting-of-the-other-kind",
                field=f"job_settings[{row.name!r}]",
                value=invocation.settings[row.name],
                reason=f"it has no effect on a {kind} deployment, only on {row.kinds[0]} ones",
                remedy="remove it, or name the deployment you mean",
            )


def _check_model_inputs(invocation: Invocation) -> None:
    literals = [n for n, v in invocation.inputs.items() if isinstance(v, LiteralInput)]
    if literals:
        raise UsageError(
            rule="model-literal-input",
            field=f"inputs[{literals[0]!r}]",
            value=invocation.inputs[literals[0]],
            reason="a model deployment takes data, no literals",
            remedy="remove it, or invoke a pipeline component deployment",
        )
    if len(invocation.inputs) != 1:
        raise UsageError(
            rule="model-one-input",
            field="inputs",
            value=sorted(invocation.inputs),
            reason="a model deployment takes exactly one data input",
            remedy="give one folder or file",
        )
    (name, only), *_ = invocation.inputs.items()
    if isinstance(only, MLTable):
        raise UsageError(
            rule="model-mltable-input",
            field=f"inputs[{name!r}]",
            value=only,
            reason="a model deployment does not read MLTable inputs",
            remedy="use UriFolder or UriFile",
        )


def _check_model_outputs(invocation: Invocation) -> None:
    if len(invocation.outputs) > 1:
        raise UsageError(
            rule="model-one-output",
            field="outputs",
            value=sorted(invocation.outputs),
            reason="a model deployment writes exactly one file",
            remedy="keep one UriFile output",
        )
    for name, output in invocation.outputs.items():
        if not isinstance(output, UriFile):
            raise UsageError(
                rule="model-output-not-a-file",
                field=f"outputs[{name!r}]",
                value=output,
                reason="a model deployment's output type must be UriFile",
                remedy='use UriFile("azureml://…/predictions.csv")',
            )


def _check_pipeline_outputs(invocation: Invocation) -> None:
    if not invocation.outputs:
        raise UsageError(
            rule="pipeline-outputs-unnamed",
            field="outputs",
            value={},
            reason="a pipeline component's outputs go by the component's own names",
            remedy='name them: outputs={"scores": UriFolder()} together with output_root',
        )
