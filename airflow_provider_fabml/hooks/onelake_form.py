"""The connection form of ``onelake``, as provider metadata (imports nothing)."""

from __future__ import annotations

from typing import Any

from airflow_provider_fabml.hooks.form_fields import identity_fields, secret_field, text_field


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
            },
        },
        "conn-fields": {
            "auth": {
                "label": "Identity",
                "description": "Who asks. Left empty, a secret or certificate speaks for itself, else "
                "azure-identity's default chain does.",
                "schema": {
                    "type": ["string", "null"],
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
                },
            },
            "mapping": text_field(
                "Mapping",
                "JSON list: which shortcut is which container and datastore, e.g. "
                '[{"shortcut": "Files/datasets", "account": "trustedlake", "container": "trusted", '
                '"prefix": "datasets", "datastore": "trusted_blob"}]',
            ),
            "lakehouse": text_field(
                "Lakehouse",
                "in which bare Files/… paths are: <workspace>/<name>.Lakehouse, or both GUIDs",
            ),
            "shortcuts": {
                "label": "Shortcuts",
                "description": "Who knows where a shortcut leads that no mapping row has: nobody, "
                "or Fabric, which then is asked.",
                "schema": {"type": ["string", "null"], "enum": ["mapping", "fabric"]},
            },
            "fabric_api": text_field(
                "Fabric API", "https URL of a private link or an emulator; else Fabric's public one"
            ),
            "queue_endpoint": text_field(
                "Queue endpoint",
                "of a private link or an emulator; on Azure it is told by the blob endpoint",
            ),
            **identity_fields(),
            "client_id": text_field("Client ID", "managed or workload identity"),
            "sas_token": secret_field("SAS token"),
            "connection_string": secret_field("Connection string"),
            "authority_host": text_field(
                "Token issuer", "https URL, national clouds and emulators"
            ),
            "ca_bundle": text_field("CA bundle", "path of a PEM file"),
        },
    }
