"""The connection form of ``onelake``, as provider metadata (imports nothing)."""

from __future__ import annotations

from typing import Any


def onelake_connection_form() -> dict[str, Any]:
    """The ``connection-types`` entry: Airflow reads it without importing the hook."""
    return {
        "connection-type": "onelake",
        "hook-class-name": "airflow_provider_fabml.hooks.onelake.OneLakeStorageHook",
        "hook-name": "OneLake / ADLS Gen2",
        "ui-field-behaviour": {
            "hidden-fields": ["port", "schema"],
            "relabeling": {
                "host": "Blob endpoint",
                "login": "Account or client ID",
                "password": "Account key or client secret",
            },
            "placeholders": {
                "host": "https://trustedlake.blob.core.windows.net",
                "login": "storage account (with a key), or application (client) id",
                "tenant_id": "00000000-0000-0000-0000-000000000000",
                "ca_bundle": "/etc/ssl/certs/contoso.pem",
                "mapping": '[{"shortcut": "Files/datasets", "account": "trustedlake", '
                '"container": "trusted", "prefix": "datasets", "datastore": "trusted_blob"}]',
            },
        },
        "conn-fields": {
            "auth": {
                "label": "Identity",
                "description": "Who asks. 'default' is azure-identity's chain.",
                "schema": {
                    "type": "string",
                    "enum": [
                        "default",
                        "account_key",
                        "sas",
                        "connection_string",
                        "service_principal",
                        "service_principal_certificate",
                        "managed_identity",
                        "workload_identity",
                    ],
                    "default": "default",
                },
            },
            "mapping": _text(
                "Mapping", "JSON list: which shortcut is which container and datastore"
            ),
            "tenant_id": _text("Tenant ID"),
            "client_id": _text("Client ID", "managed or workload identity"),
            "sas_token": _secret("SAS token"),
            "connection_string": _secret("Connection string"),
            "certificate_path": _text("Certificate file", "PEM or PFX on the worker"),
            "certificate_data": _secret("Certificate (PEM)"),
            "certificate_password": _secret("Certificate password"),
            "token_file": _text("Federated token file", "workload identity"),
            "authority_host": _text("Token issuer", "https URL, national clouds and emulators"),
            "ca_bundle": _text("CA bundle", "path of a PEM file"),
        },
    }


def _text(label: str, description: str = "") -> dict[str, Any]:
    field: dict[str, Any] = {"label": label, "schema": {"type": ["string", "null"]}}
    return {**field, "description": description} if description else field


def _secret(label: str) -> dict[str, Any]:
    return {"label": label, "schema": {"type": ["string", "null"], "format": "password"}}
