"""What a connection may be called."""

from __future__ import annotations

import re

from airflow_provider_fabml.core.errors import UsageError

# airflow.models.connection.RE_SANITIZE_CONN_ID: Airflow stores no other.
_ID = re.compile(r"[\w#!()\-.:/\\]{1,250}")


def check_connection_id(value: object, *, field: str) -> str:
    """Give a connection's id.

    :raises UsageError: rule ``connection-id``.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise UsageError(
            rule="connection-id",
            field=field,
            value=value,
            reason="no connection can have this id",
            remedy="write the id of a connection, e.g. 'onelake_default'.",
        )
    return value
