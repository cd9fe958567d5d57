"""The containers' commands, executed on this host as compose.yaml would execute them.

What differs from compose, and only that: ports are free ones, folders are temporary, SQLite stands
in for Postgres, and the storage server is the tests' own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from airflow_provider_fabml.local.airflow_api import AirflowApi
from airflow_provider_fabml.local.ports import free_ports
from airflow_provider_fabml.local.process import Child

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]
ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]
LASTING = ["api-server", "scheduler", "dag-processor", "triggerer"]


class Pod:
    """Runs services of compose.yaml as processes of this host."""

    def __init__(self, folder: Path, storage_url: str, storage_key: str) -> None:
        self.folder = folder
        self.port, emulator_port = free_ports(2)
        self.secrets = _new_env(folder / ".env") | {"FABML_STORAGE_KEY": storage_key}
        self.changes = {
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
            "FABML_STORAGE_URL": storage_url,
            "FABML_EMULATOR_PORT": str(emulator_port),
        }
        self.children: list[Child] = []

    def start(self, name: str) -> Child:
        """Start what the container of service *name* runs."""
        child = Child(
            name,
            [sys.executable, "-m", "airflow_provider_fabml.local.pod", *self._command(name)],
            log=self.folder / f"{name}.log",
            env=self.environment(name),
        ).start()
        self.children.append(child)
        return child

    def healthy(self, name: str) -> bool:
        """Run the service's own health check."""
        check = [self._here(word) for word in SERVICES[name]["healthcheck"]["test"][1:]]
        command = [sys.executable, *check[1:]]
        if check[0] == "airflow":
            command = [sys.executable, "-m", *check]
        env = self.environment(name)
        done = subprocess.run(command, check=False, env=env, capture_output=True, timeout=60)
        return done.returncode == 0

    def environment(self, name: str) -> dict[str, str]:
        """The service's environment with ``docker/.env`` filled in, then our few changes."""
        written = SERVICES[name]["environment"]
        filled = {key: self._here(self._filled(text)) for key, text in written.items()}
        return {**os.environ, **filled, **self.changes}

    def _command(self, name: str) -> list[str]:
        return [self._here(word) for word in SERVICES[name]["command"]]

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{(\w+):[?-][^}]*\}", lambda found: self.secrets[found[1]], text)

    def _here(self, text: str) -> str:
        """Ports, folders and addresses of the container, as they are on this host."""
        swapped = text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        swapped = re.sub(r"\b8080\b", str(self.port), swapped)
        swapped = re.sub(r"\b8501\b", self.changes["FABML_EMULATOR_PORT"], swapped)
        return swapped.replace("/opt/airflow", str(self.folder))


def _new_env(file: Path) -> dict[str, str]:
    subprocess.run(["sh", str(ROOT / "docker/new-env"), str(file)], check=True, capture_output=True)
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


@pytest.fixture(scope="module")
def pod(azurite, tmp_path_factory):
    """Emulator and Airflow, started in compose's order from compose's commands."""
    pod = Pod(tmp_path_factory.mktemp("pod"), azurite.blob_url, azurite.key)
    try:
        pod.start("emulator").wait_ready(lambda: pod.healthy("emulator"), timeout=90)
        migrate = pod.start("migrate")
        assert migrate.wait(120) == 0, migrate.report("failed")
        for child in [pod.start(name) for name in LASTING]:
            child.wait_ready(lambda: _health(pod) == {"healthy"}, timeout=120)
        yield pod
    finally:
        for child in reversed(pod.children):
            child.stop()


def _health(pod: Pod) -> set[str | None]:
    try:
        parts = httpx.get(f"http://127.0.0.1:{pod.port}/api/v2/monitor/health").json()
    except httpx.TransportError:
        return set()
    return {part["status"] for part in parts.values()}


@pytest.mark.parametrize("name", ["emulator", *LASTING])
def test_the_health_check_passes(pod, name):
    """The very command that compose would run says healthy."""
    assert pod.healthy(name)


def test_the_generated_login_works_and_sees_the_dags(pod):
    """The password of docker/.env opens the API; both DAGs are there without import errors."""
    api = AirflowApi(f"http://127.0.0.1:{pod.port}", "admin", pod.secrets["FABML_ADMIN_PASSWORD"])
    for dag_id in ("score_heart", "score_daily_with_sensor"):
        api.wait_for_dag(dag_id)
    api.close()


def test_the_data_lies_where_the_dag_looks(pod, azurite):
    """The emulator's container uploads the files to be scored."""
    from azure.storage.blob import ContainerClient

    text = azurite.connection_string
    with ContainerClient.from_connection_string(text, "trusted") as client:
        names = list(client.list_blob_names(name_starts_with="datasets/breast-cancer/"))
    assert len(names) == 5


def test_no_argument_shows_a_secret(pod):
    """``ps`` and ``docker inspect`` show no secret in a command."""
    shown = " ".join(" ".join(child.argv) for child in pod.children)
    assert [value for value in pod.secrets.values() if value in shown] == []
