"""To which hosts a connection's secrets may go."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_fabml.core.connections.storage_connection import KEYED, StorageSettings
from airflow_provider_fabml.core.errors import UsageError

if TYPE_CHECKING:
    from airflow_provider_fabml.core.storage.location import Location

# Storage suffixes by cloud; OneLake and zone DNS exist in the public one.
# learn.microsoft.com "Azure Government endpoint mapping", "Azure China endpoints".
_PUBLIC = ("core.windows.net", "storage.azure.net", "fabric.microsoft.com")
_NATIONAL = ("core.usgovcloudapi.net", "core.chinacloudapi.cn")
_AUTHORITIES = {
    "login.microsoftonline.us": "core.usgovcloudapi.net",
    "login.chinacloudapi.cn": "core.chinacloudapi.cn",
    "login.partner.microsoftonline.cn": "core.chinacloudapi.cn",
}


def check_destination(settings: StorageSettings, location: Location) -> None:
    """Refuse to send the connection's key, SAS or token to a host it was not made for.

    :raises UsageError: rules ``storage-other-account``, ``storage-other-host``,
        ``storage-token-plain-http``.
    """
    keyed = settings.auth in KEYED
    if keyed and location.endpoint != settings.endpoint:
        raise UsageError(
            rule="storage-other-account",
            field="path",
            value=location.url,
            reason=f"the connection's {settings.auth} belongs to {settings.endpoint}",
            remedy="use a connection for this account, or an identity of Microsoft Entra ID.",
        )
    if not keyed and not _is_ours(settings, location.endpoint):
        raise UsageError(
            rule="storage-other-host",
            field="path",
            value=location.url,
            reason="this host is neither the connection's nor a storage host of its cloud, so it "
            "gets no token",
            remedy="write the host into the connection, or the endpoint into its mapping row.",
        )
    if not keyed and location.endpoint.startswith("http://"):
        raise UsageError(
            rule="storage-token-plain-http",
            field="path",
            value=location.url,
            reason="a token over plain http can be read by anyone on the way",
            remedy="use https (Azurite: start it with a certificate), or an account key.",
        )


def check_queue_destination(settings: StorageSettings, queue: Location) -> None:
    """Refuse to send a token to a queue service in the clear; its host stands in the connection.

    :raises UsageError: rule ``queue-token-plain-http``.
    """
    if settings.auth not in KEYED and queue.endpoint.startswith("http://"):
        raise UsageError(
            rule="queue-token-plain-http",
            field="queue_endpoint",
            value=queue.endpoint,
            reason="a token over plain http can be read by anyone on the way",
            remedy="use https (Azurite: start it with a certificate), or an account key.",
        )


def _is_ours(settings: StorageSettings, endpoint: str) -> bool:
    named = {row.endpoint for row in settings.mapping} | {settings.endpoint}
    if any(_origin(known) == _origin(endpoint) for known in named if known):
        return True
    host = urlsplit(endpoint).hostname or ""
    return any(host.endswith(f".{suffix}") for suffix in _suffixes(settings))


def _origin(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def _suffixes(settings: StorageSettings) -> tuple[str, ...]:
    """Give the storage suffixes of the connection's cloud, told by its host or its issuer."""
    host = urlsplit(settings.endpoint or "").hostname or ""
    for suffix in _NATIONAL:
        if host.endswith(suffix):
            return (suffix,)
    spec = settings.credential
    issuer = urlsplit((spec.authority_host if spec else None) or "").hostname or ""
    return (_AUTHORITIES[issuer],) if issuer in _AUTHORITIES else _PUBLIC
