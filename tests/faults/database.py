"""Airflow's PostgreSQL database, read only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Sequence


class Database:
    """One connection; each query sees what is committed by then."""

    def __init__(self, address: str) -> None:
        self._connection = psycopg2.connect(f"postgresql://{address}")
        self._connection.autocommit = True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, query: str, values: Any = None) -> Sequence[tuple[Any, ...]]:
        """Give what a query finds."""
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
            return rows


def decoded(value: Any) -> dict[str, Any]:
    """Read JSON that may have been written as a text of JSON."""
    while isinstance(value, str):
        value = json.loads(value)
    found: dict[str, Any] = value
    return found
