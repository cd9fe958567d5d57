"""Storage, Azure ML and Airflow together, in one folder."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from airflow_provider_fabml.local.airflow import USER, AirflowProcesses
from airflow_provider_fabml.local.airflow_settings import connections, onelake_connection
from airflow_provider_fabml.local.azurite import Azurite
from airflow_provider_fabml.local.breast_cancer.workspace import (
    CONTAINER,
    new_principal,
    write_workspace,
)
from airflow_provider_fabml.local.emulator import EmulatorProcess, Ready
from airflow_provider_fabml.local.places import write_private
from airflow_provider_fabml.local.state import State, record

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from airflow_provider_fabml.local.process import Child


class Stack:
    """The whole local stack. Start its parts in the order of the methods; stop it once.

    :param folder: everything it writes: data, database, logs, secrets.
    :param dags: folder with the DAG files Airflow runs.
    :param outlives: leave everything running when this process ends (``make up``).
    """

    def __init__(self, folder: Path, dags: Path, *, outlives: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self.outlives = folder, outlives
        self.model_dir = folder / "model"
        self.azurite = Azurite(
            folder=folder / "azurite", location=folder / "azurite" / "data", outlives=outlives
        )
        self.airflow = AirflowProcesses(home=folder / "airflow", dags=dags, outlives=outlives)
        self.emulator: EmulatorProcess | None = None
        self.azure_ml: Ready | None = None
        self.connections: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def children(self) -> list[Child]:
        """Every process started so far, in start order."""
        early = [self.azurite.child, self.emulator.child if self.emulator else None]
        return [child for child in [*early, *self.airflow.children] if child is not None]

    def start_storage(self) -> None:
        """Start Azurite and make the container ``trusted``; the database is begun meanwhile."""
        from azure.storage.blob import BlobServiceClient

        self.airflow.prepare()
        self.azurite.start()
        with BlobServiceClient.from_connection_string(self.azurite.connection_string) as client:
            client.create_container(CONTAINER)

    def start_azure_ml(self) -> Ready:
        """Start the emulator over that storage; it looks into ``model_dir`` when it scores."""
        folder = self.folder / "emulator"
        storage = self.azurite
        workspace = write_workspace(
            folder / "workspace.yaml", storage.blob_url, storage.key, new_principal()
        )
        self.emulator = EmulatorProcess(
            folder=folder, workspace=workspace, model_dir=self.model_dir, outlives=self.outlives
        )
        self.azure_ml = self.emulator.start()
        return self.azure_ml

    def start_airflow(self) -> None:
        """Start Airflow's processes with the connections to both; does not wait."""
        if self.azure_ml is None:
            raise RuntimeError("start_azure_ml() comes first: Airflow needs its connection.")
        lake = onelake_connection(
            self.azurite.blob_url,
            self.azurite.account,
            self.azurite.key,
            CONTAINER,
            queue_endpoint=self.azurite.queue_url,
        )
        self.connections = connections(
            {"azure_ml_default": self.azure_ml.connection, "onelake_default": lake}
        )
        self.airflow.start(self.connections)

    def state(self) -> State:
        """What ``down`` and ``status`` need to know."""
        airflow = self.airflow
        return State(airflow.url, USER, airflow.secrets.password, record(self.children))

    def write_environment(self) -> Path:
        """Write a file (mode 0600) that lets a shell's ``airflow`` command work on this stack."""
        variables = {**self.airflow.settings, **self.connections}
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        return write_private(self.folder / "airflow.env", "\n".join(lines) + "\n")

    def stop(self) -> None:
        """Stop all of it, the last started first."""
        self.airflow.stop()
        if self.emulator is not None:
            self.emulator.stop()
        self.azurite.close()
