"""The emulated service: everything a route needs, put together once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_fabml.emulator.faults import Faults
from airflow_provider_fabml.emulator.requests_log import RequestLog
from airflow_provider_fabml.emulator.runner import Runner
from airflow_provider_fabml.emulator.state import Store
from airflow_provider_fabml.emulator.storage import Storage
from airflow_provider_fabml.emulator.tokens import Issuer
from airflow_provider_fabml.emulator.work import Work

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_fabml.emulator.workspace import Workspace


class Service:
    """One workspace with its jobs, tokens, switches and faults."""

    def __init__(self, workspace: Workspace, *, model_dir: Path | None = None) -> None:
        self.workspace = workspace
        self.switches = workspace.switches.model_copy()
        self.issuer = Issuer(workspace)
        self.fabric = workspace.fabric.model_copy(deep=True)
        self.store = Store(workspace.endpoints, datetime.now(UTC))
        self.storage = Storage(workspace)
        self.faults, self.requests = Faults(), RequestLog()
        work = Work(self.store, self.storage, self.switches, model_dir)
        self.runner = Runner(work, workspace.clock.model_copy(), workspace.nodes)
        self.base_url = ""
        """Address of the server, known once it listens."""

    def stop(self) -> None:
        """Kill every process and close every connection."""
        self.runner.stop(self.store.jobs())
        self.storage.close()
