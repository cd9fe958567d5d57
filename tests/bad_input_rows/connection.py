"""Fields of an ``azure_ml`` connection that cannot work, or that would show tokens to strangers."""

from __future__ import annotations

from typing import Any

from bad_input_rows.row import BadInput

from airflow_provider_fabml.core.connections.azure_ml_connection import parse_azure_ml_connection

GOOD: dict[str, Any] = {
    "subscription_id": "11111111-2222-3333-4444-555555555555",
    "resource_group": "rg-hearts",
    "workspace_name": "hearts",
}


def fields(**changed: Any) -> None:
    """Parse a good connection with these fields changed."""
    parse_azure_ml_connection({**GOOD, **changed}, login=None, password=None, name="azure_ml_x")


ROWS = [
    BadInput(
        "no subscription",
        lambda: fields(subscription_id=""),
        "connection-subscription",
        "connection 'azure_ml_x': subscription_id",
    ),
    BadInput(
        "no resource group",
        lambda: fields(resource_group=None),
        "connection-resource-group",
        "connection 'azure_ml_x': resource_group",
    ),
    BadInput(
        "a workspace's path",
        lambda: fields(workspace_name="workspaces/hearts"),
        "connection-workspace",
        "connection 'azure_ml_x': workspace_name",
    ),
    BadInput(
        "a cloud that closed",
        lambda: fields(cloud="AzureGermanCloud"),
        "connection-cloud",
        "connection 'azure_ml_x': cloud",
    ),
    BadInput(
        "own hosts in a known cloud",
        lambda: fields(resource_manager_url="https://bob:hunter2@arm.contoso.com"),
        "connection-custom-field",
        "connection 'azure_ml_x': resource_manager_url",
        secret="hunter2",
    ),
    BadInput(
        "a Resource Manager with a password",
        lambda: fields(cloud="custom", resource_manager_url="https://bob:hunter2@arm.contoso.com"),
        "connection-url",
        "connection 'azure_ml_x': resource_manager_url",
        secret="hunter2",
    ),
    BadInput(
        "TLS turned off",
        lambda: fields(ca_bundle=False),
        "connection-ca-bundle",
        "connection 'azure_ml_x': ca_bundle",
    ),
    BadInput(
        "hosts with a star",
        lambda: fields(allowed_hosts="*.contoso.com"),
        "connection-allowed-hosts",
        "connection 'azure_ml_x': allowed_hosts",
    ),
    BadInput(
        "a whole top-level domain",
        lambda: fields(allowed_hosts=[".com"]),
        "connection-allowed-hosts-wide",
        "connection 'azure_ml_x': allowed_hosts",
    ),
    BadInput(
        "no time to read",
        lambda: fields(read_timeout="0"),
        "connection-timeout",
        "connection 'azure_ml_x': read_timeout",
    ),
    BadInput(
        "a proxy that is no JSON",
        lambda: fields(proxies="http://bob:hunter2@proxy:8080"),
        "connection-proxies",
        "connection 'azure_ml_x': proxies",
        secret="hunter2",
    ),
]
