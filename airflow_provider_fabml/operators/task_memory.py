"""What one task instance remembers between its tries, and who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_provider_fabml.core.jobs.record import Record, mark_of
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity, check_identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

KEY = "fabml_invocation"


class TaskMemory:
    """The record of the newest attempt, in Airflow's task state store.

    The store is keyed by task instance and survives retries and Clears; the record never expires
    (the default would be 30 days). What another try has stored since is not this one's to change.
    """

    def __init__(self, context: Context) -> None:
        self._store: Any = context["task_state_store"]
        self._mine: tuple[Any, ...] | None = None

    def load(self) -> Mapping[str, Any] | None:
        """The stored record, or None."""
        value = self._store.get(KEY, default=None)
        found = value if isinstance(value, dict) else None
        if self._mine is None:
            self._mine = mark_of(found)
        return found

    def save(self, value: dict[str, Any]) -> None:
        """Replace the record."""
        self._mine = mark_of(value)
        self._store.set(KEY, value, retention=NEVER_EXPIRE)

    def forget(self) -> None:
        """Drop the record."""
        self._mine = mark_of(None)
        self._store.delete(KEY)

    def record(self) -> Record | None:
        """The record as a value; None where there is none, or another try's."""
        value = self._own()
        return None if value is None else Record.from_json(value)

    def spend(self) -> None:
        """Note that nothing can come of the newest attempt: a later try opens another."""
        self.change(spent=True)

    def change(self, **fields: Any) -> None:
        """Replace fields of the record, if there is one of this try's."""
        value = self._own()
        if value is not None:
            self.save({**value, **fields})

    def _own(self) -> Mapping[str, Any] | None:
        value = self.load()
        return value if mark_of(value) == self._mine else None


def identity_of(context: Context) -> RunIdentity:
    """Who the task instance is; the one place that reads it from the context (D2)."""
    ti, run = context["ti"], context["dag_run"]
    map_index = ti.map_index if ti.map_index is not None else -1
    partition = getattr(run, "partition_key", None)
    identity = RunIdentity(ti.dag_id, ti.run_id, ti.task_id, map_index, partition)
    check_identity(identity)
    return identity
