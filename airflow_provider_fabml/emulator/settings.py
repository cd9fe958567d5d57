"""The settings a job really runs with: the deployment's, overridden by the request's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.durations import duration_of, seconds_of

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.wire import BatchJob
    from airflow_provider_fabml.emulator.workspace import (
        ModelDeployment,
        PipelineDeployment,
        Workspace,
    )

SETTING_PREFIX = "ComponentDeployment.Settings."


@dataclass(frozen=True)
class ModelSettings:
    """Effective settings of a model deployment's job."""

    mini_batch_size: int
    """Files per call of ``run()``."""
    error_threshold: int
    """Failed files tolerated over the whole input; -1 tolerates all."""
    max_retries: int
    timeout_seconds: float
    """Seconds one call of ``run()`` may take."""
    instance_count: int
    overridden_instance_count: int | None
    max_concurrency: int
    output_file_name: str
    output_uri: str | None
    output_action: str
    logging_level: str

    @property
    def workers(self) -> int:
        """Return how many scoring processes work side by side."""
        return self.instance_count * self.max_concurrency

    @property
    def timeout(self) -> str:
        """Return the timeout as the service writes it (``PT30S``)."""
        return duration_of(self.timeout_seconds)


def model_settings(job: BatchJob, deployment: ModelDeployment) -> ModelSettings:
    """Return the deployment's settings with the request's overrides."""

    def first(*values: Any) -> Any:
        return next(value for value in values if value is not None)

    output = next(iter(job.outputs.values()), None)
    uri = output.uri if output is not None else None
    named = uri.rstrip("/").rsplit("/", 1)[-1] if uri else None
    timeout = seconds_of(job.retry.timeout) if job.retry.timeout else None
    return ModelSettings(
        mini_batch_size=first(job.mini_batch_size, deployment.mini_batch_size),
        error_threshold=first(job.error_threshold, deployment.error_threshold),
        max_retries=first(job.retry.max_retries, deployment.max_retries),
        timeout_seconds=first(timeout, deployment.timeout_seconds),
        instance_count=first(job.compute.instance_count, deployment.instance_count),
        overridden_instance_count=job.compute.instance_count,
        max_concurrency=first(job.max_concurrency, deployment.max_concurrency_per_instance),
        output_file_name=first(named, job.output_file_name, deployment.output_file_name),
        output_uri=uri,
        output_action=deployment.output_action,
        logging_level=first(job.logging_level, deployment.logging_level),
    )


def azureml_parameters(settings: ModelSettings, output_uri: str | None, *, newer: bool) -> str:
    """Return the ``azureml.parameters`` property: JSON text of texts.

    Recordings ``invoke_model_default_output_2023-03`` and (``newer``) ``…_2023-04``;
    ``output_uri`` stands after the file name as in the 2023-01 answer.
    """
    values = {
        "run_max_try": settings.max_retries,
        "run_invocation_timeout": f"{settings.timeout_seconds:g}",
        "mini_batch_size": settings.mini_batch_size,
        "error_threshold": settings.error_threshold if newer else None,
        "logging_level": settings.logging_level.upper(),
        "process_count_per_node": settings.max_concurrency if newer else None,
        "legacy_model_job": False if newer else None,
        "NodeCount": settings.instance_count,
        "append_row_file_name": settings.output_file_name,
        "output_uri": output_uri,
    }
    texts = {name: str(value) for name, value in values.items() if value is not None}
    return json.dumps(texts, separators=(",", ":"))


def pipeline_properties(
    job: BatchJob, deployment: PipelineDeployment, workspace: Workspace, *, honoured: bool
) -> dict[str, str]:
    """Return the job properties that report a pipeline component's settings.

    Names: recording ``invoke_pipeline_component_2022-12``; ``azureml.force_rerun`` is inferred.
    Settings of one invocation count only where ``honoured``.
    """
    settings = deployment.settings
    sent = invocation_settings(job) if honoured else {}
    default = settings.default_datastore or workspace.default_datastore.name
    found = {
        "azureml.continue_on_step_failure": sent.get(
            "continue_on_step_failure", str(settings.continue_on_step_failure)
        ),
        "azureml.continue_on_failed_optional_input": "True",
        "azureml.defaultDataStoreName": sent.get("default_datastore", default),
    }
    force = sent.get("force_rerun", str(settings.force_rerun))
    if "force_rerun" in sent or settings.force_rerun:
        found["azureml.force_rerun"] = force
    return found


def invocation_settings(job: BatchJob) -> dict[str, str]:
    """Return the pipeline settings sent with one invocation, without their prefix."""
    return {
        name.removeprefix(SETTING_PREFIX): value.capitalize() if _is_flag(value) else value
        for name, value in job.properties.items()
        if name.startswith(SETTING_PREFIX)
    }


def _is_flag(value: str) -> bool:
    return value.lower() in {"true", "false"}
