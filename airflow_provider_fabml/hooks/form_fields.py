"""The kinds of fields a connection form has, and the identity's own (imports nothing)."""

from __future__ import annotations

from typing import Any


def text_field(label: str, description: str = "") -> dict[str, Any]:
    """A field of plain text that may stay empty."""
    field: dict[str, Any] = {"label": label, "schema": {"type": ["string", "null"]}}
    return {**field, "description": description} if description else field


def secret_field(label: str) -> dict[str, Any]:
    """A field whose value Airflow hides and stores encrypted."""
    return {"label": label, "schema": {"type": ["string", "null"], "format": "password"}}


def identity_fields() -> dict[str, dict[str, Any]]:
    """What the identities of Microsoft Entra ID need besides login and password."""
    return {
        "tenant_id": text_field("Tenant ID"),
        "certificate_path": text_field("Certificate file", "PEM or PFX on the worker"),
        "certificate_data": secret_field("Certificate (PEM)"),
        "certificate_password": secret_field("Certificate password"),
        "token_file": text_field("Federated token file", "workload identity"),
    }
