"""What a storage connection says of queues, and what a queue may be called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.connections.connection_string import connection_fields
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.storage_url import blob_endpoint, is_azure_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

POISON = "-poison"
# learn.microsoft.com "Naming Queues and Metadata": 3 to 63 characters, the poison queue's included.
_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,54}[a-z0-9]")


def parse_queue_endpoint(
    given: Mapping[str, Any], endpoint: str | None, *, field: str
) -> str | None:
    """Give the queue service's base URL: as it is named, or beside the blob service on Azure.

    :param given: extra fields of the connection (`queue_endpoint`, `connection_string`).
    :param endpoint: the blob service's base URL.
    :raises UsageError: rules ``endpoint-*``.
    """
    named = given.get("queue_endpoint") or connection_fields(given.get("connection_string")).get(
        "queueendpoint"
    )
    if named:
        return blob_endpoint(str(named), field=f"{field}: queue_endpoint", service="queue")
    if endpoint is not None and is_azure_endpoint(endpoint):
        return endpoint.replace(".blob.", ".queue.", 1)
    return None


def check_queue_name(name: object) -> str:
    """Give a queue's name.

    :raises UsageError: rules ``queue-name``, ``queue-poison``.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            rule="queue-name",
            field="storage_queue",
            value=name,
            reason="a queue has 3 to 63 lower-case letters, digits and single hyphens, and seven of "
            f"them are for {POISON}",
            remedy="write the name of the queue that Event Grid fills, e.g. fabml-arrivals.",
        )
    if name.endswith(POISON):
        raise UsageError(
            rule="queue-poison",
            field="storage_queue",
            value=name,
            reason="messages that nobody can read are kept there, not read again",
            remedy=f"write the name of the queue that they came from: {name.removesuffix(POISON)}.",
        )
    return name
