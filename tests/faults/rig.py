"""Everything the harness needs, all real: started on free ports, ended for certain."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from faults.cluster import Cluster
from faults.proxy import Proxy
from faults.servers import Postgres, Redis
from faults.workspace import CONTAINER, INPUTS, workspace
from support.scoring import HEADER, ROWS
from support.started import Started

from airflow_provider_fabml.emulator import EmulatorServer
from airflow_provider_fabml.local.airflow_settings import connections, onelake_connection
from airflow_provider_fabml.local.azurite import Azurite

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

DAGS = Path(__file__).with_name("dags")
DAG_IDS = ("faults_sync", "faults_deferrable")


class Rig(Started):
    """Storage, Azure ML behind a proxy, storage behind another, and the cluster.

    :param folder: receives logs and data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def container(self) -> ContainerClient:
        """The SDK's client of the container behind the datastore, around the proxy."""
        from azure.storage.blob import ContainerClient

        return ContainerClient.from_connection_string(self.azurite.connection_string, CONTAINER)

    def _start(self, ends: contextlib.ExitStack) -> None:
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.postgres = Postgres(logs / "postgres.log")
        ends.callback(self.postgres.stop)
        self.postgres.start()
        self.redis = Redis(logs / "redis.log")
        ends.callback(self.redis.stop)
        self.redis.start()
        self.azurite = ends.enter_context(Azurite(folder=self.folder / "azurite"))
        self._upload()
        self._start_azure_ml(ends)
        self.cluster = Cluster(self.folder / "airflow", DAGS, self.postgres, self.redis)
        ends.callback(self.cluster.stop)
        self.cluster.prepare()
        self.cluster.start(self._connections())
        self.cluster.wait_healthy()
        for dag_id in DAG_IDS:
            self.cluster.api.wait_for_dag(dag_id, timeout=120)
            self.cluster.api.unpause(dag_id)

    def _start_azure_ml(self, ends: contextlib.ExitStack) -> None:
        self.emulator = ends.enter_context(EmulatorServer(workspace(), storage=self.azurite))
        self.azure_ml_proxy = ends.enter_context(Proxy(_port(self.emulator.url)))
        # Answers name the server by this address: every request goes through the proxy.
        through = f"https://127.0.0.1:{self.azure_ml_proxy.port}"
        self.emulator.url = self.emulator.service.base_url = through
        self.storage_proxy = ends.enter_context(Proxy(self.azurite.ports[0]))

    def _connections(self) -> dict[str, str]:
        azurite = self.azurite
        storage = f"http://127.0.0.1:{self.storage_proxy.port}/{azurite.account}"
        lake = onelake_connection(storage, azurite.account, azurite.key, CONTAINER)
        both = {"azure_ml_default": self.emulator.connection(), "onelake_default": lake}
        return connections(both)

    def _upload(self) -> None:
        from azure.storage.blob import BlobServiceClient

        text = "\n".join([HEADER, *ROWS, ""])
        with BlobServiceClient.from_connection_string(self.azurite.connection_string) as client:
            container = client.create_container(CONTAINER)
            for name in INPUTS:
                container.upload_blob(f"datasets/{name}/heart.csv", text)


def ports_of(pid: int) -> list[int]:
    """Return the local TCP ports of a process: how a proxy knows its connections."""
    try:
        found = psutil.Process(pid).net_connections("tcp4")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
    return [connection.laddr.port for connection in found if connection.laddr]


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


def now() -> float:
    """The clock of the proxies."""
    return time.monotonic()
