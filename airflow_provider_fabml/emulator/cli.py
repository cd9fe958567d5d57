"""The command line: ``python -m airflow_provider_fabml.emulator``."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.control import ControlError
from airflow_provider_fabml.emulator.loading import WorkspaceFileError
from airflow_provider_fabml.emulator.server import EmulatorServer
from airflow_provider_fabml.emulator.workspace import StorageAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY_VARIABLE = "EMULATOR_STORAGE_KEY"


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(
        prog="python -m airflow_provider_fabml.emulator",
        description="Serve a local Azure ML workspace with batch endpoints that really score.",
    )
    add = options.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    add("--workspace", type=Path, help="YAML file to serve (default: the demo workspace)")
    add("--clock", choices=["immediate", "timed", "manual"], help="how jobs move on")
    add("--storage-url", help="blob endpoint, e.g. http://127.0.0.1:10000/devstoreaccount1")
    add("--storage-key", help=f"its account key (or the variable {KEY_VARIABLE})")
    add("--storage-ca-bundle", type=Path, help="roots to trust for an https storage endpoint")
    add("--model-dir", type=Path, help="folder that {model_dir} in the workspace stands for")
    add("--state-dir", type=Path, help="folder for the certificate (default: a temporary one)")
    add("--ca-bundle-out", type=Path, help="write the usual roots plus the emulator's here")
    add("--fault-seed", type=int, help="answer wrongly now and then, drawn from this seed")
    add("--fault-rate", type=float, default=0.2, help="share of requests (default: %(default)s)")
    add("--ready-file", type=Path, help="write address, environment and connection as JSON here")
    return options


def main(arguments: list[str] | None, say: Callable[[str], None]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    options = parser().parse_args(arguments)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    try:
        server = _server(options)
    except (WorkspaceFileError, ControlError) as error:
        say(str(error))
        return 2
    with server as emulator:
        for line in announcement(emulator):
            say(line)
        if options.ready_file is not None:
            emulator.write_ready_file(options.ready_file)
        over.wait()
    return 0


def _server(options: argparse.Namespace) -> EmulatorServer:
    key = options.storage_key or os.environ.get(KEY_VARIABLE)
    if options.storage_url and not key:
        raise WorkspaceFileError(
            f"--storage-url: value {options.storage_url!r}: it needs a key; remedy: give "
            f"--storage-key or set {KEY_VARIABLE}"
        )
    storage = None
    if options.storage_url and key:
        bundle = options.storage_ca_bundle
        storage = StorageAccount(url=options.storage_url, key=key, ca_bundle=bundle)
    return EmulatorServer(
        options.workspace,
        clock=options.clock,
        storage=storage,
        model_dir=options.model_dir,
        host=options.host,
        port=options.port,
        state_dir=options.state_dir,
        ca_bundle_out=options.ca_bundle_out,
        faults=_faults(options),
    )


def _faults(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.fault_seed is None:
        return None
    return {"seed": options.fault_seed, "rate": options.fault_rate}


def announcement(emulator: EmulatorServer) -> Iterator[str]:
    """Yield the address and what a shell has to export to reach the emulator."""
    yield f"# Azure ML emulator on {emulator.url} (workspace '{emulator.workspace.name}')"
    for name, value in emulator.environment().items():
        yield f"export {name}={shlex.quote(value)}"
    if emulator.workspace.storage is None:
        yield "# No storage is configured: jobs will fail. Give --storage-url and --storage-key (Azurite)"
    yield "# azure-identity needs one keyword besides: disable_instance_discovery=True"
    connection = json.dumps(emulator.connection())
    yield f"export AIRFLOW_CONN_AZURE_ML_DEFAULT={shlex.quote(connection)}"
