"""Everything the harness needs, all real: storage that lasts, Azure ML, Airflow over PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from faults.cluster import QUICK
from faults.servers import Postgres
from faults.workspace import CONTAINER, workspace
from support.started import Started

from airflow_provider_fabml.emulator import EmulatorServer
from airflow_provider_fabml.local.airflow import AirflowProcesses
from airflow_provider_fabml.local.airflow_settings import connections, onelake_connection
from airflow_provider_fabml.local.azurite import Azurite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.storage.blob import ContainerClient

DAGS = Path(__file__).with_name("dags")
# A part that was started again less than so many seconds ago is left in peace; `local.again` gives
# up on one that ends in its first 15.
SETTLED = 25.0
SETTINGS = {
    **{name: value for name, value in QUICK.items() if not name.startswith("CELERY")},
    "CORE__PARALLELISM": "6",
    # Patience with storage that is away, and with an API server that is busy.
    "CORE__DAG_FILE_PROCESSOR_TIMEOUT": "120",
}
# Airflow imports this when it starts: tasks are forked off the scheduler and need not import it again.
PRELOAD = """
import sys

if "scheduler" in sys.argv:
    import azure.identity, azure.identity.aio, azure.storage.blob, azure.storage.blob.aio
    import airflow_provider_fabml.clients.batch_endpoint
    import airflow_provider_fabml.clients.data_checks
"""


class World(Started):
    """Starts all of it on free ports, ends it for certain.

    :param folder: receives logs and data.
    :param dag_file: the file in ``dags/`` that Airflow reads.
    :param variables: more environment for Airflow.
    :param azurite: storage; one of its own if absent.
    """

    def __init__(
        self,
        folder: Path,
        dag_file: str,
        variables: Mapping[str, str],
        azurite: Azurite | None = None,
    ) -> None:
        self.folder = folder
        dags = folder / "dags"
        dags.mkdir(parents=True)
        (dags / dag_file).write_text((DAGS / dag_file).read_text())
        self.postgres = Postgres(folder / "postgres.log")
        self.azurite = azurite or Azurite(folder=folder / "azurite", location=folder / "data")
        self.airflow = AirflowProcesses(home=folder / "airflow", dags=dags)
        options = {**SETTINGS, "DATABASE__SQL_ALCHEMY_CONN": self._driver("psycopg2")}
        options["DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = self._driver("asyncpg")
        self.airflow.settings |= {f"AIRFLOW__{name}": value for name, value in options.items()}
        tests = str(Path(__file__).resolve().parents[1])
        self.airflow.settings |= {"PYTHONPATH": tests, **variables}
        self.killed: dict[str, int] = {}

    def container(self) -> ContainerClient:
        """The SDK's client of the container behind datastore and shortcuts; it tries once."""
        from azure.storage.blob import ContainerClient

        return ContainerClient.from_connection_string(
            self.azurite.connection_string, CONTAINER, retry_total=0
        )

    def settled(self, name: str) -> bool:
        """Whether a part of Airflow has been running long enough to be at work."""
        family = self._family(name)
        return bool(family) and time.time() - family[0].create_time() > SETTLED

    def kill(self, name: str) -> None:
        """SIGKILL a part of Airflow with all its processes; it is counted where there are any.

        What started it starts it again, as an init system would.
        """
        family = self._family(name)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.killed[name] = self.killed.get(name, 0) + bool(family)

    def _family(self, name: str) -> list[psutil.Process]:
        child = next(c for c in self.airflow.children if c.name == f"Airflow {name}")
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(child.pid).children(recursive=True)
        return []

    def _start(self, ends: contextlib.ExitStack) -> None:
        from azure.storage.blob import BlobServiceClient

        ends.callback(self.postgres.stop)
        self.postgres.start()
        ends.callback(self.azurite.close)
        self.azurite.start()
        with BlobServiceClient.from_connection_string(self.azurite.connection_string) as client:
            client.create_container(CONTAINER)
        self.emulator = ends.enter_context(EmulatorServer(workspace(), storage=self.azurite))
        ends.callback(self.airflow.stop)
        self.airflow.prepare()
        (self.airflow.home / "config").mkdir(exist_ok=True)
        (self.airflow.home / "config" / "airflow_local_settings.py").write_text(PRELOAD)
        environment = {**os.environ, **self.airflow.settings}
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(migrate, check=True, env=environment, capture_output=True, timeout=300)
        self.airflow.start(self._connections())
        self.airflow.wait_healthy(timeout=300)

    def begin(self, *dag_ids: str) -> None:
        """Let DAGs run, all of them at about the same time."""
        for dag_id in dag_ids:
            self.airflow.api.wait_for_dag(dag_id, timeout=180)
        for dag_id in dag_ids:
            self.airflow.api.unpause(dag_id)

    def _connections(self) -> dict[str, str]:
        azurite = self.azurite
        lake = onelake_connection(azurite.blob_url, azurite.account, azurite.key, CONTAINER)
        lake["extra"]["queue_endpoint"] = azurite.queue_url
        return connections(
            {"azure_ml_default": self.emulator.connection(), "onelake_default": lake}
        )

    def _driver(self, name: str) -> str:
        """SQLAlchemy 2.1 takes a bare ``postgresql://`` for psycopg 3."""
        return f"postgresql+{name}://{self.postgres.address}"
