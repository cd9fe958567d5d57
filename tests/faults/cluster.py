"""Airflow as it runs in production: PostgreSQL, Celery over Redis, two workers, two triggerers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from airflow_provider_fabml.local.airflow_api import AirflowApi
from airflow_provider_fabml.local.airflow_settings import new_secrets, passwords_file, settings
from airflow_provider_fabml.local.places import write_private
from airflow_provider_fabml.local.ports import free_ports
from airflow_provider_fabml.local.process import Child, StackError, tail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from faults.servers import Postgres, Redis

USER = "admin"
WORKERS = ("worker-1", "worker-2")
TRIGGERERS = ("triggerer-1", "triggerer-2")
SLOTS = 5
# Seconds that a part is left in peace after its start.
SETTLED = 20.0
# Airflow's own clocks, quickened alike: a lost process is noticed in seconds, not in minutes.
# (A queued task's token lives as long as ``task_queued_timeout``, so that one is not too short.)
HEARTBEAT_TIMEOUT = 20
TRIGGERER_TIMEOUT = 10
QUICK = {
    "CORE__PARALLELISM": "16",
    "CORE__MAX_ACTIVE_TASKS_PER_DAG": "64",
    "CORE__MAX_ACTIVE_RUNS_PER_DAG": "64",
    "CELERY__WORKER_CONCURRENCY": str(SLOTS),
    "DAG_PROCESSOR__REFRESH_INTERVAL": "60",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
    "DATABASE__SQL_ALCHEMY_POOL_SIZE": "10",
    "SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "12",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "20",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "WORKERS__EXECUTION_API_RETRIES": "8",
    "WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "3",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(TRIGGERER_TIMEOUT),
}  # fmt: skip


# Airflow imports this file when it starts. A worker that knows the Azure libraries before it forks
# saves each task process a second of importing them: on two cores that is half of all the work.
PRELOAD = """
import sys

if "celery" in sys.argv:
    import azure.identity, azure.identity.aio, azure.storage.blob, azure.storage.blob.aio
    import airflow_provider_fabml.clients.batch_endpoint
    import airflow_provider_fabml.clients.data_checks
"""


class Cluster:
    """Airflow's processes; those that end are started again by :meth:`revive`."""

    def __init__(self, folder: Path, dags: Path, postgres: Postgres, redis: Redis) -> None:
        self.home, self.secrets = folder, new_secrets()
        (self.port,) = free_ports(1)
        base = settings(folder, dags, self.port, self.secrets)
        self.environment = {**os.environ, **base, **_wiring(postgres, redis)}
        self.environment["C_FORCE_ROOT"] = "1"
        self.api = AirflowApi(f"http://127.0.0.1:{self.port}", USER, self.secrets.password)
        self.children: dict[str, Child] = {}
        self.started: dict[str, float] = {}
        self.revived: list[str] = []

    def prepare(self) -> None:
        """Write the login and make the metadata database."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(passwords_file(self.home), json.dumps({USER: self.secrets.password}))
        (self.home / "config").mkdir(exist_ok=True)
        (self.home / "config" / "airflow_local_settings.py").write_text(PRELOAD)
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            check=False, env=self.environment, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        if done.returncode != 0:
            raise StackError(f"airflow db migrate failed:\n{done.stderr[-3000:]}")

    def start(self, connections: Mapping[str, str]) -> None:
        """Start all processes; does not wait."""
        self.environment.update(connections)
        for name in ("api-server", "scheduler", "dag-processor", *WORKERS, *TRIGGERERS):
            self._start(name)

    def wait_healthy(self, timeout: float = 180) -> None:
        """Return once every part reports healthy and both workers answer."""
        for name in ("api-server", "scheduler", "dag-processor", *TRIGGERERS):
            self.children[name].wait_ready(lambda: _healthy(self.api), timeout=timeout)
        for name in WORKERS:
            log = self.children[name].log
            self.children[name].wait_ready(lambda log=log: _is_up(log), timeout=timeout)

    def revive(self) -> None:
        """Start again what has ended, as an init system or Kubernetes would."""
        for name, child in list(self.children.items()):
            if not child.running:
                self.revived.append(name)
                self._start(name)

    def tree(self, name: str) -> list[psutil.Process]:
        """Return a part's process and all its descendants."""
        try:
            leader = psutil.Process(self.children[name].pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def settled(self, name: str) -> bool:
        """Return whether a part has been running long enough to be at work."""
        return self.children[name].running and time.time() - self.started[name] > SETTLED

    def worker_of(self, pid: int) -> str | None:
        """Return the worker under which process *pid* runs."""
        for name in WORKERS:
            if any(process.pid == pid for process in self.tree(name)):
                return name
        return None

    def stop(self) -> None:
        """Stop everything, the API server last."""
        self.api.close()
        for child in reversed(self.children.values()):
            child.terminate()
        for child in reversed(self.children.values()):
            child.stop(grace=6)

    def _start(self, name: str) -> None:
        (self.home / f"{name}.pid").unlink(missing_ok=True)
        self.started[name] = time.time()
        self.children[name] = Child(
            f"Airflow {name}",
            [sys.executable, "-m", "airflow", *_command(name, self.home)],
            log=self.home / "processes" / f"{name}.log",
            env={**self.environment, **_name_tag(name)},
            cwd=self.home,
        ).start()


def _wiring(postgres: Postgres, redis: Redis) -> dict[str, str]:
    """SQLAlchemy 2.1 takes a bare ``postgresql://`` for psycopg 3, so each URL names its driver."""
    options = {
        "CORE__EXECUTOR": "CeleryExecutor",
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{postgres.address}",
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{postgres.address}",
        "CELERY__BROKER_URL": redis.url,
        "CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{postgres.address}",
        **QUICK,
    }
    return {f"AIRFLOW__{name}": value for name, value in options.items()}


def _command(name: str, home: Path) -> list[str]:
    if name in WORKERS:
        quiet = ["--skip-serve-logs", "--without-gossip", "--without-mingle"]
        return ["celery", "worker", "-H", f"{name}@%h", "--pid", str(home / f"{name}.pid"), *quiet]
    if name in TRIGGERERS:
        return ["triggerer", "--skip-serve-logs"]
    return [name, "--skip-serve-logs"] if name == "scheduler" else [name]


def _name_tag(name: str) -> dict[str, str]:
    """Two triggerers on one machine would both write its name into the database; these write theirs."""
    if name not in TRIGGERERS:
        return {}
    return {"AIRFLOW__CORE__HOSTNAME_CALLABLE": "getpass.getuser", "LOGNAME": name}


def _healthy(api: AirflowApi) -> bool:
    parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    health = api.health()
    return all(health.get(part) == "healthy" for part in parts)


def _is_up(log: Path) -> bool:
    return log.exists() and "ready." in tail(log, 200)
