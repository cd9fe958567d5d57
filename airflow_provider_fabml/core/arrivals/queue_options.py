"""The queue beside a watch, as a user writes it: checked when the DAG file is read."""

from __future__ import annotations

from typing import Any

from airflow_provider_fabml.core.arrivals.written import check_written
from airflow_provider_fabml.core.connections.connection_id import check_connection_id
from airflow_provider_fabml.core.connections.queue_fields import check_queue_name
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.options import is_number

# A request that finds nothing costs little: a day of them some cents ("Azure Queue Storage pricing").
QUEUE_INTERVAL = 1.0


def check_queue(name: object, conn_id: object, interval: Any) -> None:
    """Refuse a queue that cannot be, or what is said of a queue where none is named.

    :raises UsageError: rules ``queue-*``, ``connection-id``, ``written-*``.
    """
    for field, value in (("storage_queue", name), ("queue_conn_id", conn_id)):
        check_written(value, field=field)
    said = {"queue_conn_id": conn_id}
    if interval != QUEUE_INTERVAL:
        said["queue_interval"] = interval
    unused = next((field for field, value in said.items() if value is not None), None)
    if name is None and unused is not None:
        raise UsageError(
            rule="queue-unused",
            field=unused,
            value=said[unused],
            reason="no queue is read unless storage_queue names one",
            remedy=f"write storage_queue='<queue>', or remove {unused}.",
        )
    if name is not None:
        check_queue_name(name)
    if conn_id is not None:
        check_connection_id(conn_id, field="queue_conn_id")
    if not is_number(interval, 0.2, 3600):
        raise UsageError(
            rule="queue-interval",
            field="queue_interval",
            value=interval,
            reason="it is a number of seconds from 0.2 to 3600",
            remedy="leave it out for one request a second.",
        )
