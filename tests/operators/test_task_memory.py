"""What a try may change of what its task instance remembers."""

from __future__ import annotations

from typing import Any

from airflow_provider_fabml.core.jobs.record import Record
from airflow_provider_fabml.operators.task_memory import TaskMemory

RECORD = Record(1, "first", 0, "dig", "heart", "blue", "model", {}, "2026-01-01T00:00:00+00:00")


class Store(dict[str, Any]):
    """Airflow's task state store, as two processes see it."""

    def set(self, key: str, value: Any, **_: Any) -> None:
        """Keep a value."""
        self[key] = value

    def delete(self, key: str) -> None:
        """Drop a value."""
        self.pop(key, None)

    def get(self, key: str, default: Any = None) -> Any:  # type: ignore[override]
        """The value."""
        return super().get(key, default)


def test_a_try_changes_its_own_record_only():
    """A process that was held up finds another try's record: it is no business of its own any more."""
    store = Store()
    old, new = (TaskMemory({"task_state_store": store}) for _ in range(2))  # type: ignore[typeddict-item]
    old.save(RECORD.to_json())
    old.spend()
    assert old.record() == new.record() == Record.from_json(store["fabml_invocation"])
    assert store["fabml_invocation"]["spent"]
    new.save(RECORD._replace(invocation_id="second").to_json())
    old.spend()
    old.change(deadline="never")
    assert old.record() is None
    assert not store["fabml_invocation"]["spent"]
    assert store["fabml_invocation"]["deadline"] is None
