"""The fields of an ``azure_ml`` connection become one value, or are refused with field and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard
from urllib.parse import urlsplit

from airflow_provider_fabml.core.connections.credential import CredentialSpec, parse_credential
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.service.cloud import AZURE_CLOUDS, Cloud
from airflow_provider_fabml.core.service.workspace import Workspace
from airflow_provider_fabml.core.storage.uri_text import redact

CUSTOM = "custom"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
# Resource Manager naming rules: resource groups 1-90 characters. Workspaces are documented with 3-33;
# longer ones are left to the service, which knows.
_GROUP = re.compile(r"[\w.()\-]{1,89}[\w()\-]\Z|[\w()\-]\Z")
_WORKSPACE = re.compile(r"[A-Za-z0-9][\w\-]{1,254}\Z")
_HOST = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.\-]*[A-Za-z0-9])?(:\d{1,5})?\Z")


class AzureMLConnection(NamedTuple):
    """A workspace, its cloud, who asks, and how the hosts are reached.

    ``connect_timeout`` and ``read_timeout`` are seconds; ``proxies`` maps ``http``/``https`` to URLs.
    The repr has neither the identity's secrets nor the proxies, whose URLs may hold a password.
    """

    workspace: Workspace
    cloud: Cloud
    identity: CredentialSpec
    ca_bundle: str | None
    connect_timeout: float
    read_timeout: float
    proxies: dict[str, str] | None

    def __repr__(self) -> str:
        """Everything but secrets."""
        shown = (f"{name}={value!r}" for name, value in self._asdict().items() if name != "proxies")
        return f"AzureMLConnection({', '.join(shown)}, proxies={'…' if self.proxies else None})"


def parse_azure_ml_connection(
    fields: Mapping[str, Any], *, login: str | None, password: str | None, name: str
) -> AzureMLConnection:
    """Reads a connection's extra ``fields``; ``login`` is the client id, ``password`` its secret.

    ``name`` is the connection's id, for messages. Raises ``UsageError``.
    """
    given = {key: value for key, value in fields.items() if value not in (None, "")}
    field = f"connection {name!r}"
    cloud = _cloud(given, field)
    identity = {
        **given,
        "client_id": login or given.get("client_id"),
        "client_secret": password or given.get("client_secret"),
    }
    if cloud.authority_host != AZURE_CLOUDS["AzureCloud"].authority_host:
        identity.setdefault("authority_host", cloud.authority_host)
    return AzureMLConnection(
        workspace=_workspace(given, field),
        cloud=cloud,
        identity=parse_credential(identity, field=field),
        ca_bundle=_ca_bundle(given.get("ca_bundle"), field),
        connect_timeout=_timeout(given, "connect_timeout", 10.0, field),
        read_timeout=_timeout(given, "read_timeout", 60.0, field),
        proxies=_proxies(given.get("proxies"), field),
    )


def _workspace(given: Mapping[str, Any], field: str) -> Workspace:
    subscription = str(given.get("subscription_id", ""))
    group = str(given.get("resource_group", ""))
    workspace = str(given.get("workspace_name", ""))
    if not _GUID.match(subscription):
        raise UsageError(
            rule="connection-subscription",
            field=f"{field}: subscription_id",
            value=subscription or None,
            reason="it is missing or no GUID",
            remedy="copy the subscription id from the workspace's overview page",
        )
    if not _GROUP.match(group):
        raise UsageError(
            rule="connection-resource-group",
            field=f"{field}: resource_group",
            value=group or None,
            reason="it is missing or no resource group name",
            remedy="copy the resource group from the workspace's overview page",
        )
    if not _WORKSPACE.match(workspace):
        raise UsageError(
            rule="connection-workspace",
            field=f"{field}: workspace_name",
            value=workspace or None,
            reason="it is missing or no workspace name",
            remedy="give the name of the Azure Machine Learning workspace",
        )
    return Workspace(subscription, group, workspace)


def _cloud(given: Mapping[str, Any], field: str) -> Cloud:
    name = str(given.get("cloud", "AzureCloud"))
    hosts = _hosts(given.get("allowed_hosts"), field)
    known = AZURE_CLOUDS.get(name)
    if known is None and name != CUSTOM:
        raise UsageError(
            rule="connection-cloud",
            field=f"{field}: cloud",
            value=name,
            reason="no such cloud is known",
            remedy=f"use one of {', '.join([*AZURE_CLOUDS, CUSTOM])}",
        )
    if known is not None:
        _refuse_custom_fields(given, name, field)
        audience = given.get("ml_audience", known.ml_audience)
        return known._replace(ml_audience=_https("ml_audience", audience, field), hosts=hosts)
    public = AZURE_CLOUDS["AzureCloud"]
    return Cloud(
        name=CUSTOM,
        resource_manager=_https("resource_manager_url", given.get("resource_manager_url"), field),
        authority_host=_https("authority_host", given.get("authority_host"), field),
        ml_audience=_https("ml_audience", given.get("ml_audience", public.ml_audience), field),
        endpoint_suffix="",
        api_suffix="",
        hosts=hosts,
        arm_audience=_https(
            "arm_audience", given.get("arm_audience", public.resource_manager), field
        ),
    )


def _refuse_custom_fields(given: Mapping[str, Any], name: str, field: str) -> None:
    own = [key for key in ("resource_manager_url", "arm_audience") if key in given]
    if own:
        raise UsageError(
            rule="connection-custom-field",
            field=f"{field}: {own[0]}",
            value=redact(str(given[own[0]])),
            reason=f"cloud is {name}, whose hosts are known",
            remedy="set cloud to 'custom', or remove the field",
        )


def _https(name: str, url: object, field: str) -> str:
    if not isinstance(url, str) or not _is_https_base(url):
        raise UsageError(
            rule="connection-url",
            field=f"{field}: {name}",
            value=redact(url) if isinstance(url, str) else url,
            reason="tokens travel over https only, so an https URL with a host is needed",
            remedy="write e.g. https://management.azure.com",
        )
    return url.rstrip("/")


def _is_https_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        bare = not (parts.query or parts.fragment or "@" in parts.netloc) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and bare


def _ca_bundle(value: object, field: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UsageError(
            rule="connection-ca-bundle",
            field=f"{field}: ca_bundle",
            value=value,
            reason="it is the path of a PEM file; the check of certificates cannot be turned off",
            remedy="write the path of your authority's certificates, or leave it out",
        )
    return value


def _hosts(value: object, field: str) -> tuple[str, ...]:
    if value is None:
        return ()
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(n, str) and _HOST.match(n) for n in names):
        raise UsageError(
            rule="connection-allowed-hosts",
            field=f"{field}: allowed_hosts",
            value=value,
            reason="it is no list of host names",
            remedy="write host, host:port or .domain, separated by commas",
        )
    if any(name.startswith(".") and "." not in name[1:] for name in names):
        raise UsageError(
            rule="connection-allowed-hosts-wide",
            field=f"{field}: allowed_hosts",
            value=value,
            reason="a whole top-level domain would be shown tokens",
            remedy="name the domain, e.g. .privatelink.contoso.com",
        )
    return tuple(names)


def _timeout(given: Mapping[str, Any], name: str, default: float, field: str) -> float:
    value = given.get(name, default)
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise UsageError(
            rule="connection-timeout",
            field=f"{field}: {name}",
            value=value,
            reason="it is a number of seconds, more than 0 and at most 3600",
            remedy=f"use e.g. {default:g}",
        )
    return seconds


def _proxies(value: object, field: str) -> dict[str, str] | None:
    if value is None:
        return None
    try:
        proxies = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        proxies = None
    if not _is_proxies(proxies):
        raise UsageError(
            rule="connection-proxies",
            field=f"{field}: proxies",
            value="(hidden: a proxy URL may hold a password)",
            reason="it is no JSON object of proxies for http and https",
            remedy='write {"https": "http://proxy.contoso.com:8080"}',
        )
    return dict(proxies)


def _is_proxies(value: object) -> TypeGuard[Mapping[str, str]]:
    return (
        isinstance(value, Mapping)
        and set(value) <= {"http", "https"}
        and all(isinstance(url, str) for url in value.values())
    )
