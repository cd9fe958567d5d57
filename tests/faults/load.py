"""Keeps a number of DAG runs in flight for as long as there is something to strike."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
from faults.rig import DAG_IDS

from airflow_provider_fabml.local.process import StackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.seen import Key

    from airflow_provider_fabml.local.airflow_api import AirflowApi

PATIENCE = 60.0


class Load:
    """Triggers runs of both DAGs in turn. Each has an id of its own: asking twice makes one run.

    :param prefix: how run ids begin.
    :param width: DAG runs in flight.
    """

    def __init__(self, api: AirflowApi, prefix: str, width: int) -> None:
        self._api, self._prefix, self.width = api, prefix, width
        self.triggered = 0
        self._next = 0.0

    def tick(self, in_flight: int, wanted: str) -> None:
        """Trigger a run where fewer are in flight than there should be.

        Every third run is of the mode *wanted*: new tasks, for a point early in a task's life.
        """
        if in_flight >= self.width or time.monotonic() < self._next:
            return
        dag_id = f"faults_{wanted}" if self.triggered % 3 == 2 else DAG_IDS[self.triggered % 3]
        body = {"logical_date": None, "dag_run_id": f"{self._prefix}{self.triggered:04}"}
        if self._ask("POST", f"/dags/{dag_id}/dagRuns", body) in {200, 409}:
            self.triggered += 1
            self._next = time.monotonic() + 0.5
        else:  # the API server is a victim too
            self._next = time.monotonic() + 2

    def clear(self, key: Key) -> None:
        """Clear one task instance, as a person does; StackError if Airflow does not take it."""
        task = key.task_id if key.map_index < 0 else [key.task_id, key.map_index]
        body = {
            "dry_run": False,
            "dag_run_id": key.run_id,
            "task_ids": [task],
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self._insist(lambda: self._ask("POST", f"/dags/{key.dag_id}/clearTaskInstances", body))

    def _insist(self, ask: Callable[[], int]) -> None:
        deadline = time.monotonic() + PATIENCE
        while (status := ask()) != 200:
            if time.monotonic() > deadline or 400 <= status < 500:
                raise StackError(f"Airflow answered {status}")
            time.sleep(1)

    def _ask(self, method: str, path: str, body: dict[str, object]) -> int:
        """Return the status, 0 where nobody answers."""
        try:
            return self._api.send(method, path, json=body).status_code
        except (httpx.TransportError, httpx.HTTPStatusError):
            return 0
