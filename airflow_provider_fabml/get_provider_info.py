"""What Airflow discovers about the provider. Imported in every component, so it imports nothing big."""

from __future__ import annotations

from typing import Any

from airflow_provider_fabml.hooks.azure_ml_form import azure_ml_connection_form
from airflow_provider_fabml.hooks.onelake_form import onelake_connection_form

_AZURE_ML, _ONELAKE = "Azure Machine Learning batch endpoints", "OneLake and ADLS Gen2"


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata (schema: ``airflow/provider_info.schema.json``)."""
    package = "airflow_provider_fabml"
    return {
        "package-name": "airflow-provider-fabml",
        "name": "Azure ML batch endpoints and OneLake",
        "description": "Score lakehouse data with Azure ML batch endpoints.",
        "integrations": [
            {
                "integration-name": _AZURE_ML,
                "external-doc-url": "https://learn.microsoft.com/azure/machine-learning/concept-endpoints-batch",
                "tags": ["azure"],
            },
            {
                "integration-name": _ONELAKE,
                "external-doc-url": "https://learn.microsoft.com/fabric/onelake/onelake-shortcuts",
                "tags": ["azure"],
            },
        ],
        "operators": [
            _modules(_AZURE_ML, f"{package}.operators.azure_ml"),
            _modules(_ONELAKE, f"{package}.operators.due_partitions"),
        ],
        "sensors": [
            _modules(_AZURE_ML, f"{package}.sensors.azure_ml"),
            _modules(_ONELAKE, f"{package}.sensors.onelake"),
        ],
        "hooks": [
            _modules(_AZURE_ML, f"{package}.hooks.azure_ml"),
            _modules(_ONELAKE, f"{package}.hooks.onelake"),
        ],
        "triggers": [
            _modules(_AZURE_ML, f"{package}.triggers.azure_ml"),
            _modules(_ONELAKE, f"{package}.triggers.onelake"),
            _modules(_ONELAKE, f"{package}.triggers.onelake_start"),
            _modules(_ONELAKE, f"{package}.triggers.arrival"),
        ],
        "connection-types": [azure_ml_connection_form(), onelake_connection_form()],
        "queues": [
            f"{package}.queues.storage_queue.AzureStorageQueueMessageQueueProvider",
        ],
        "extra-links": [f"{package}.links.azure_ml.AzureMLStudioJobLink"],
    }


def _modules(integration: str, module: str) -> dict[str, Any]:
    return {"integration-name": integration, "python-modules": [module]}
