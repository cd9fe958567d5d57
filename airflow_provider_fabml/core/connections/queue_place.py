"""A queue as a place: its account, its name, and the queue service's base URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.location import Location

if TYPE_CHECKING:
    from airflow_provider_fabml.core.connections.storage_connection import StorageSettings


def queue_location(settings: StorageSettings, name: str, *, connection: str) -> Location:
    """Give a queue as a place: its account, its name as the container, the queue service's URL.

    :param connection: the connection's id, for errors.
    :raises UsageError: rule ``queue-endpoint``.
    """
    if settings.queue_endpoint is None:
        raise UsageError(
            rule="queue-endpoint",
            field=f"connection {connection!r}: queue_endpoint",
            value=settings.endpoint,
            reason="nothing says where this account's queues are (OneLake has none)",
            remedy="write queue_endpoint, or name a connection to the storage account that has the "
            "queue as queue_conn_id.",
        )
    endpoints = (settings.queue_endpoint, settings.endpoint or "")
    account = next(filter(None, map(_account_of, endpoints)), "")
    return Location(account, name, "", settings.queue_endpoint)


def _account_of(endpoint: str) -> str:
    """Give the account that a base URL names; a host of one's own names none."""
    parts = urlsplit(endpoint)
    account, _, rest = (parts.hostname or "").partition(".")
    is_azure = re.match(r"(?:z\d+\.)?(?:blob|queue)\.", rest)
    return parts.path.strip("/") or (account if is_azure else "")
