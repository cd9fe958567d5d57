"""What Airflow and Azure ML say of all rows, asked by one thread: fifty would starve the API server."""

from __future__ import annotations

import threading
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from typing import Self

    from airflow_provider_fabml.emulator import EmulatorServer
    from airflow_provider_fabml.local.airflow_api import AirflowApi

EVERY = 0.7
ALL_TASKS = "/dags/~/dagRuns/~/taskInstances"


class Board:
    """The newest answers: each row's task instance, jobs, and when somebody last looked at a job."""

    def __init__(self, api: AirflowApi, emulator: EmulatorServer) -> None:
        self._api, self._emulator = api, emulator
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="board")
        self.tasks: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, list[dict[str, Any]]] = {}
        self.looked: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self._ask_azure_ml()
            self._ask_airflow()

    def _ask_azure_ml(self) -> None:
        jobs: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for job in self._emulator.control.jobs():
            jobs[job["request"]["tags"]["airflow_dag_id"]].append(job)
        self.jobs = jobs
        for request in self._emulator.requests.all():
            if request.method == "GET":
                self.looked[request.path.rpartition("/")[2]] = request.time

    def _ask_airflow(self) -> None:
        try:
            answer = self._api.send("GET", ALL_TASKS, params={"limit": 100})
        except httpx.TransportError:
            return  # busy; the next answer will do
        if answer.status_code == 200:
            found = answer.json()["task_instances"]
            self.tasks = {task["dag_id"]: task for task in found}


def now() -> str:
    """The instant as the emulator's log writes it."""
    return datetime.now(UTC).isoformat()
