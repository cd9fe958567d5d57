"""The connection form of ``azure_ml``, as provider metadata (imports nothing)."""

from __future__ import annotations

from typing import Any

from airflow_provider_fabml.hooks.form_fields import identity_fields, text_field


def azure_ml_connection_form() -> dict[str, Any]:
    """The ``connection-types`` entry: Airflow reads it without importing the hook."""
    return {
        "connection-type": "azure_ml",
        "hook-class-name": "airflow_provider_fabml.hooks.azure_ml.AzureMLBatchHook",
        "hook-name": "Azure ML batch endpoints",
        "ui-field-behaviour": {
            "hidden-fields": ["host", "port", "schema"],
            "relabeling": {"login": "Client ID", "password": "Client secret"},
            "placeholders": {
                "login": "application (client) id, for a service principal or a managed identity",
            },
        },
        "conn-fields": {
            "subscription_id": text_field("Subscription ID", "a GUID"),
            "resource_group": text_field("Resource group"),
            "workspace_name": text_field("Workspace"),
            "auth": {
                "label": "Identity",
                "description": "Who asks. Left empty, a secret or certificate speaks for itself, else "
                "azure-identity's default chain does.",
                "schema": {
                    "type": ["string", "null"],
                    "enum": [
                        "default",
                        "service_principal",
                        "service_principal_certificate",
                        "managed_identity",
                        "workload_identity",
                    ],
                },
            },
            **identity_fields(),
            "cloud": {
                "label": "Cloud",
                "schema": {
                    "type": "string",
                    "enum": ["AzureCloud", "AzureUSGovernment", "AzureChinaCloud", "custom"],
                    "default": "AzureCloud",
                },
            },
            "resource_manager_url": text_field("Resource Manager URL", "cloud 'custom' only"),
            "authority_host": text_field("Token issuer", "https URL, overrides the cloud's"),
            "ml_audience": text_field("ML token audience", "overrides the cloud's"),
            "arm_audience": text_field("ARM token audience", "cloud 'custom' only"),
            "allowed_hosts": text_field("Further hosts", "private endpoints that may see tokens"),
            "ca_bundle": text_field("CA bundle", "path of a PEM file"),
            "connect_timeout": text_field("Connect timeout (s)"),
            "read_timeout": text_field("Read timeout (s)"),
            "proxies": text_field(
                "Proxies", 'JSON by scheme: {"https": "http://proxy.contoso.com:8080"}'
            ),
        },
    }
