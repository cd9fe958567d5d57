"""A real Airflow in a folder of its own: API server, scheduler, DAG processor, triggerer."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_fabml.local import airflow_database
from airflow_provider_fabml.local.airflow_api import AirflowApi
from airflow_provider_fabml.local.airflow_settings import (
    AirflowSecrets,
    new_secrets,
    passwords_file,
    settings,
)
from airflow_provider_fabml.local.places import write_private
from airflow_provider_fabml.local.ports import free_ports
from airflow_provider_fabml.local.process import Child, StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# The scheduler and triggerer would serve logs to other machines; here everybody reads the files.
PROCESSES = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
USER = "admin"
# What lasts is started again when it breaks, as it would be by whatever runs Airflow elsewhere.
AGAIN = (sys.executable, "-I", "-S", str(Path(__file__).with_name("again.py")))


class AirflowProcesses:
    """Airflow's four processes with one login, on a free port.

    :param home: its ``AIRFLOW_HOME``; database and logs lie there.
    :param dags: the folder with DAG files.
    :param outlives: leave it running when this process ends.
    :param processes: the ``airflow`` command of each process, by its name in ``PROCESSES``.
    """

    def __init__(
        self,
        *,
        home: Path,
        dags: Path,
        outlives: bool = False,
        processes: Mapping[str, list[str]] = PROCESSES,
    ) -> None:
        self.home, self.outlives, self.processes = home, outlives, processes
        self.secrets: AirflowSecrets = new_secrets()
        (self.port,) = free_ports(1)
        self.settings = settings(home, dags, self.port, self.secrets)
        self.api = AirflowApi(self.url, USER, self.secrets.password)
        self._migration = self._child("db-migrate", ["db", "migrate"], {})
        self._database, self._database_ready = home / "airflow.db", False
        self.children: list[Child] = []

    @property
    def url(self) -> str:
        """Address of UI and REST API."""
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Write the login and copy the database or begin to make it; does not wait for it."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(passwords_file(self.home), json.dumps({USER: self.secrets.password}))
        self._database_ready = airflow_database.restore(self._database)
        if not self._database_ready:
            self._migration.start()

    def start(self, connections: Mapping[str, str]) -> None:
        """Finish the database and start the processes; does not wait until they are healthy.

        :param connections: ``AIRFLOW_CONN_*`` variables.
        """
        self._finish_database()
        for name, command in self.processes.items():
            self.children.append(self._child(name, command, connections, again=AGAIN).start())

    def _finish_database(self) -> None:
        if self._database_ready:
            return
        if self._migration.wait(timeout=180) != 0:
            raise StackError(self._migration.report("failed"))
        airflow_database.keep(self._database)

    def wait_healthy(self, timeout: float = 120) -> None:
        """Return once all four report healthy; StackError with the log of one that ended."""
        for child in self.children:
            child.wait_ready(self._healthy(child.name.removeprefix("Airflow ")), timeout=timeout)

    def stop(self) -> None:
        """Stop all of them, the scheduler before the API server that its tasks report to."""
        self.api.close()
        for child in (self._migration, *reversed(self.children)):
            child.terminate()
        for child in (self._migration, *reversed(self.children)):
            child.stop()

    def _healthy(self, name: str) -> Callable[[], bool]:
        part = {"api-server": "metadatabase"}.get(name, name.replace("-", "_"))
        return lambda: self.api.health().get(part) == "healthy"

    def _child(
        self,
        name: str,
        command: list[str],
        connections: Mapping[str, str],
        *,
        again: Sequence[str] = (),
    ) -> Child:
        return Child(
            f"Airflow {name}",
            [*again, sys.executable, "-m", "airflow", *command],
            log=self.home / "processes" / f"{name}.log",
            env={**os.environ, **self.settings, **connections},
            cwd=self.home,
            outlives=self.outlives,
        )
