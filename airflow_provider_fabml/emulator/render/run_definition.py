"""The definition of a ``batchscoring`` run.

Shape: recording ``history_children_and_rundata_batchscoring_2022-11``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.uris import OnDatastore, parse_place

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.service import Service
    from airflow_provider_fabml.emulator.settings import ModelSettings
    from airflow_provider_fabml.emulator.state import Job, Run
    from airflow_provider_fabml.emulator.workspace import ModelDeployment


def run_definition(service: Service, job: Job, child: Run) -> dict[str, Any] | None:
    """Return the definition of a ``batchscoring`` run; None for other runs."""
    if job.settings is None or job.deployment.kind != "model":
        return None
    settings, deployment = job.settings, job.deployment
    parameters = {
        "mini_batch_size": str(settings.mini_batch_size),
        "run_max_try": str(settings.max_retries),
        "run_invocation_timeout": f"{settings.timeout_seconds:g}",
        "logging_level": settings.logging_level.upper(),
        "append_row_file_name": settings.output_file_name,
    }
    return {
        "script": "driver/amlbi_main.py",
        "arguments": _arguments(deployment, settings, list(parameters)),
        "target": deployment.compute,
        "dataReferences": {"score": _score_reference(service, settings, child)},
        "nodeCount": settings.instance_count,
        "environmentVariables": {f"AML_PARAMETER_{k}": v for k, v in parameters.items()},
        "history": {
            "outputCollection": True,
            "directoriesToWatch": ["logs"],
            "enableMLflowTracking": False,
        },
    }


def _arguments(
    deployment: ModelDeployment, settings: ModelSettings, parameters: list[str]
) -> list[str]:
    fixed = {
        "--model_name": deployment.model_name,
        "--model_version": deployment.model_version,
        "--batch_endpoint_enabled": "True",
        "--scoring_module_name": deployment.scoring_script.name,
        "--error_threshold": str(settings.error_threshold),
        "--output_action": settings.output_action,
        "--append_row_dataframe_header": "False",
        "--create_snapshot_at_runtime": "True",
        "--copy_logs_to_parent": "True",
        "--output": "$AZUREML_DATAREFERENCE_score",
        "--process_count_per_node": str(settings.max_concurrency),
        "--input_fds_0": "dataset_param_config",
        "--input_pipeline_param_0": "DatasetConsumptionConfig:dataset_param_config",
    }
    given = {f"--{name}": f"$AML_PARAMETER_{name}" for name in parameters}
    return [word for pair in (fixed | given).items() for word in pair]


def _score_reference(service: Service, settings: ModelSettings, child: Run) -> dict[str, Any]:
    place = parse_place(settings.output_uri) if settings.output_uri else None
    store, path = service.workspace.default_datastore.name, f"azureml/{child.run_id}/score"
    if isinstance(place, OnDatastore):
        store, path = place.datastore, place.path.rpartition("/")[0]
    return {
        "dataStoreName": store,
        "mode": "Mount",
        "pathOnDataStore": path,
        "pathOnCompute": None,
        "overwrite": False,
    }
