"""The connection form of ``azure_ml``, as provider metadata (imports nothing)."""

from __future__ import annotations

from typing import Any


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
                "subscription_id": "00000000-0000-0000-0000-000000000000",
                "resource_group": "rg-scoring",
                "workspace_name": "trusted-ml",
                "tenant_id": "00000000-0000-0000-0000-000000000000",
                "ca_bundle": "/etc/ssl/certs/contoso.pem",
                "proxies": '{"https": "http://proxy.contoso.com:8080"}',
            },
        },
        "conn-fields": {
            "subscription_id": _text("Subscription ID"),
            "resource_group": _text("Resource group"),
            "workspace_name": _text("Workspace"),
            "auth": {
                "label": "Identity",
                "description": "Who asks. 'default' is azure-identity's chain.",
                "schema": {
                    "type": "string",
                    "enum": [
                        "default",
                        "service_principal",
                        "service_principal_certificate",
                        "managed_identity",
                        "workload_identity",
                    ],
                    "default": "default",
                },
            },
            "tenant_id": _text("Tenant ID"),
            "certificate_path": _text("Certificate file", "PEM or PFX on the worker"),
            "certificate_data": _secret("Certificate (PEM)"),
            "certificate_password": _secret("Certificate password"),
            "token_file": _text("Federated token file", "workload identity"),
            "cloud": {
                "label": "Cloud",
                "schema": {
                    "type": "string",
                    "enum": ["AzureCloud", "AzureUSGovernment", "AzureChinaCloud", "custom"],
                    "default": "AzureCloud",
                },
            },
            "resource_manager_url": _text("Resource Manager URL", "cloud 'custom' only"),
            "authority_host": _text("Token issuer", "https URL, cloud 'custom' only"),
            "ml_audience": _text("ML token audience", "overrides the cloud's"),
            "arm_audience": _text("ARM token audience", "cloud 'custom' only"),
            "allowed_hosts": _text("Further hosts", "private endpoints that may see tokens"),
            "ca_bundle": _text("CA bundle", "path of a PEM file"),
            "connect_timeout": _text("Connect timeout (s)"),
            "read_timeout": _text("Read timeout (s)"),
            "proxies": _text("Proxies", "JSON, by scheme"),
        },
    }


def _text(label: str, description: str = "") -> dict[str, Any]:
    field: dict[str, Any] = {"label": label, "schema": {"type": ["string", "null"]}}
    return {**field, "description": description} if description else field


def _secret(label: str) -> dict[str, Any]:
    return {"label": label, "schema": {"type": ["string", "null"], "format": "password"}}
