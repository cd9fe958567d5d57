"""The local Azure ML as a child process."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.local.process import Child

if TYPE_CHECKING:
    from pathlib import Path


class Ready(NamedTuple):
    """What the emulator says of itself once it serves.

    ``address`` is its https address, ``environment`` what a shell exports to reach it with the
    Azure SDKs, ``connection`` an Airflow connection of type ``azure_ml`` as a JSON object. The
    latter two hold a client secret, so they are not shown.
    """

    address: str
    environment: dict[str, str]
    connection: dict[str, Any]

    def __repr__(self) -> str:
        return f"Ready(address={self.address!r})"


class EmulatorProcess:
    """``python -m airflow_provider_fabml.emulator`` on a free port.

    :param folder: receives its log and the file that says how to reach it (mode 0600).
    :param workspace: YAML file with storage, principals, datastores, endpoints and deployments.
    :param model_dir: folder with the model that deployments load.
    :param outlives: leave it running when this process ends.
    """

    def __init__(
        self,
        *,
        folder: Path,
        workspace: Path,
        model_dir: Path | None = None,
        outlives: bool = False,
    ) -> None:
        self.folder, self._ready_file = folder, folder / "ready.json"
        argv = [sys.executable, "-m", "airflow_provider_fabml.emulator", "--port", "0"]
        # The storage key stands in the workspace file: everybody on the machine can read argv.
        argv += ["--host", "127.0.0.1", "--clock", "timed", "--workspace", str(workspace)]
        argv += ["--ready-file", str(self._ready_file)]
        argv += ["--model-dir", str(model_dir)] if model_dir else []
        # Its stdout is made of export lines, secrets included: what matters is in the ready file.
        self.child = Child(
            "Azure ML emulator",
            argv,
            log=folder / "emulator.log",
            outlives=outlives,
            keep_stdout=False,
        )

    def start(self) -> Ready:
        """Start it; return how to reach it once it serves."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._ready_file.unlink(missing_ok=True)
        self.child.start()
        return self.child.wait_ready(lambda: read_ready(self._ready_file), timeout=60)

    def stop(self) -> None:
        """Stop it."""
        self.child.stop()


def read_ready(file: Path) -> Ready | None:
    """Return what the ready file says, None while it is absent or half written."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return Ready(said["address"], said["environment"], said["connection"])
