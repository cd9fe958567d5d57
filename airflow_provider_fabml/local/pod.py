"""What the containers of ``docker/compose.yaml`` run: ``python -m ...local.pod emulator|airflow``.

All of them share one network namespace, as in a Kubernetes pod, so everything but Airflow's API
server stays on 127.0.0.1. Secrets come from the environment (``docker/.env``), never from argv.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_fabml.local.airflow_settings import connections, onelake_connection
from airflow_provider_fabml.local.azurite import ACCOUNT
from airflow_provider_fabml.local.breast_cancer.data import prepare, upload
from airflow_provider_fabml.local.breast_cancer.workspace import (
    CONTAINER,
    FOLDER,
    Principal,
    write_workspace,
)
from airflow_provider_fabml.local.emulator import read_ready
from airflow_provider_fabml.local.places import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fabml.local.emulator import Ready

PATIENCE = 120


def emulator_command(env: Mapping[str, str]) -> list[str]:
    """Train the model, upload the files to be scored, return the emulator's command line.

    :param env: ``FABML_SHARED_FOLDER`` (seen by all containers), ``FABML_STORAGE_URL``,
        ``FABML_STORAGE_KEY``, ``FABML_CLIENT_ID``, ``FABML_CLIENT_SECRET``,
        ``FABML_EMULATOR_PORT``.
    """
    folder, url, key = _folder(env), env["FABML_STORAGE_URL"], env["FABML_STORAGE_KEY"]
    prepared = prepare(folder / "model", folder / "csv")
    text = f"AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={url};"
    _make_container(text)
    upload(text, prepared.files, FOLDER)
    who = Principal(env["FABML_CLIENT_ID"], env["FABML_CLIENT_SECRET"])
    workspace = write_workspace(folder / "workspace.yaml", url, key, who)
    command = [sys.executable, "-m", "airflow_provider_fabml.emulator", "--host", "127.0.0.1"]
    command += ["--port", env["FABML_EMULATOR_PORT"], "--clock", "timed"]
    command += ["--workspace", str(workspace), "--model-dir", str(folder / "model")]
    return [*command, "--ready-file", str(_ready_file(env))]


def airflow_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return *env* with the two connections, once the emulator says how to reach it."""
    lake = onelake_connection(
        env["FABML_STORAGE_URL"], ACCOUNT, env["FABML_STORAGE_KEY"], CONTAINER
    )
    by_id = {"azure_ml_default": _wait_ready(env).connection, "onelake_default": lake}
    return {**env, **connections(by_id)}


def main() -> NoReturn:
    """Become the emulator, or the ``airflow`` command that the arguments name."""
    kind, *arguments = sys.argv[1:]
    if kind == "emulator":
        _ready_file(os.environ).unlink(missing_ok=True)
        _become(emulator_command(os.environ), dict(os.environ))
    if kind == "airflow":
        if "api-server" in arguments:
            _write_login(os.environ)
        _become([sys.executable, "-m", "airflow", *arguments], airflow_environment(os.environ))
    sys.exit(f"{kind} is neither emulator nor airflow.")


def _write_login(env: Mapping[str, str]) -> None:
    """Give the simple auth manager the password that docker/.env holds; else it makes one up."""
    file = env.get("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")
    if file:
        write_private(Path(file), json.dumps({"admin": env["FABML_ADMIN_PASSWORD"]}))


def _become(command: list[str], env: dict[str, str]) -> NoReturn:
    os.execvpe(command[0], command, env)  # noqa: S606 - so that signals reach the server itself


def _wait_ready(env: Mapping[str, str]) -> Ready:
    deadline = time.monotonic() + PATIENCE
    while (ready := read_ready(_ready_file(env))) is None:
        if time.monotonic() > deadline:
            sys.exit(f"The emulator did not write {_ready_file(env)} within {PATIENCE} s.")
        time.sleep(0.5)
    return ready


def _make_container(connection_string: str) -> None:
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_connection_string(connection_string, CONTAINER) as client:
        try:
            client.create_container()
        except ResourceExistsError:
            return


def _folder(env: Mapping[str, str]) -> Path:
    return Path(env["FABML_SHARED_FOLDER"])


def _ready_file(env: Mapping[str, str]) -> Path:
    return _folder(env) / "ready.json"


if __name__ == "__main__":
    main()
