"""A real Airflow for the cancel matrix, and what its rows ask of it and of Azure ML."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from faults.servers import Postgres
from system.cancels.board import Board, now
from system.cancels.rows import DEFERRED

from airflow_provider_fabml.local.airflow import PROCESSES, AirflowProcesses
from airflow_provider_fabml.local.airflow_api import wait
from airflow_provider_fabml.local.airflow_settings import connections
from airflow_provider_fabml.local.process import Child

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.scoring import Scoring
    from system.cancels.rows import Row

DAG_FILE = Path(__file__).with_name("dags.py")
PATIENCE = 400
# Seconds after which Airflow takes a silent triggerer, or a silent task, for dead.
TRIGGERER_DEAD, TASK_DEAD = 20, 60
SETTINGS = {
    "CORE__PARALLELISM": "48",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(TASK_DEAD),
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "3",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(TRIGGERER_DEAD),
    "TRIGGERER__JOB_HEARTBEAT_SEC": "3",
    "TRIGGERER__QUEUES_ENABLED": "True",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "3",
}


class World:
    """Airflow with one DAG for each row, over an Azure ML whose jobs never end by themselves."""

    def __init__(self, folder: Path, scoring: Scoring, rows: Sequence[Row]) -> None:
        self.scoring = scoring
        dags = folder / "dags"
        dags.mkdir(parents=True)
        serving = [*PROCESSES["triggerer"], "--queues", "default"]
        self.airflow = AirflowProcesses(
            home=folder / "airflow", dags=dags, processes={**PROCESSES, "triggerer": serving}
        )
        self.airflow.settings |= {f"AIRFLOW__{name}": value for name, value in SETTINGS.items()}
        # SQLite has one writer, and fifty tasks beat their hearts.
        self.postgres = Postgres(folder / "postgres.log")
        database = f"postgresql+psycopg2://{self.postgres.address}"
        self.airflow.settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database
        self.connections = connections(scoring.connections)
        self._write(dags, rows)
        self.rows = rows
        self.board = Board(self.api, scoring.emulator)
        self.runs: dict[str, str] = {}
        self.triggerers: dict[str, Child] = {}

    @property
    def api(self) -> Any:
        """Airflow's REST API."""
        return self.airflow.api

    @property
    def environment(self) -> dict[str, str]:
        """Of every process of this Airflow."""
        return {**os.environ, **self.airflow.settings, **self.connections}

    def __enter__(self) -> World:
        self.postgres.start()
        self.airflow.prepare()
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(migrate, check=True, env=self.environment, capture_output=True)
        self.airflow.start(self.connections)
        self.airflow.wait_healthy()
        found = lambda: self.api.call("GET", "/dags", params={"limit": 1})["total_entries"]  # noqa: E731
        wait(lambda: found() == len(self.rows), PATIENCE, "Airflow has not all DAGs")
        self.board.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.board.__exit__()
        for child in self.triggerers.values():
            child.stop()
        self.airflow.stop()
        self.postgres.stop()

    def _write(self, dags: Path, rows: Sequence[Row]) -> None:
        inputs = {"heart": {"JobInputType": "UriFolder", "Uri": self.scoring.upload()}}
        told = [
            {
                "name": row.name,
                "deferrable": row.waits == DEFERRED,
                "inputs": inputs,
                "options": row.keywords,
            }
            for row in rows
        ]
        (dags / "rows.json").write_text(json.dumps(told), encoding="utf-8")
        shutil.copy(DAG_FILE, dags / DAG_FILE.name)

    def start_triggerer(self, name: str, queue: str) -> Child:
        """Start another triggerer, which serves one queue only.

        The kernel ends it with the thread that calls this.
        """
        command = ["airflow", "triggerer", "--skip-serve-logs", "--queues", queue]
        self.triggerers[name] = Child(
            f"Airflow triggerer {name}",
            [sys.executable, "-m", *command],
            log=self.airflow.home / "processes" / f"triggerer-{name}.log",
            env=self.environment,
            cwd=self.airflow.home,
        ).start()
        return self.triggerers[name]

    # --- one row

    def start(self, row: Row) -> None:
        """Start the row's run."""
        self.runs[row.name] = self.api.trigger(row.name, {})

    def path(self, row: Row, rest: str = "") -> str:
        """Where the API has the row's run."""
        return f"/dags/{row.name}/dagRuns/{self.runs[row.name]}{rest}"

    def task(self, row: Row) -> dict[str, Any]:
        """The row's task instance; without a state where there is none."""
        return self.board.tasks.get(row.name, {"state": None, "try_number": 0})

    def jobs(self, row: Row) -> list[dict[str, Any]]:
        """The truth about the row's jobs, oldest first."""
        return self.board.jobs.get(row.name, [])

    def looked(self, row: Row, since: str) -> bool:
        """Whether somebody asked for the row's newest job after an instant."""
        jobs = self.jobs(row)
        return bool(jobs) and self.board.looked.get(jobs[-1]["name"], "") > since

    def await_wait(self, row: Row) -> None:
        """Return once the task waits for its job, and somebody has looked at it since."""
        state = "deferred" if row.waits == DEFERRED else "running"
        told = f"{row.name} does not wait for a job"
        wait(lambda: self.task(row)["state"] == state and bool(self.jobs(row)), PATIENCE, told)
        if state == "deferred":
            begun = f"{told}: no triggerer has it"
            wait(lambda: f"trigger {row.name}/" in self.log(row), PATIENCE, begun)
        self.looked_at(row)

    def looked_at(self, *rows: Row) -> None:
        """Return once somebody looks at the rows' jobs anew."""
        since = now()
        told = f"nobody looks at {[row.name for row in rows]}"
        wait(lambda: all(self.looked(row, since) for row in rows), PATIENCE, told)

    def log(self, row: Row) -> str:
        """What the task's log files hold, the trigger's part included."""
        folder = self.airflow.home / "logs" / f"dag_id={row.name}"
        return "\n".join(file.read_text(encoding="utf-8") for file in folder.rglob("*.log"))

    def supervisor(self, row: Row) -> psutil.Process:
        """The process that supervises the row's task on the worker."""
        parent = psutil.Process(self.task(row)["pid"]).parent()
        assert parent is not None
        return parent

    # --- what a person does

    def mark(self, row: Row, state: str) -> None:
        """Mark the task."""
        body = {"new_state": state}
        self.api.call("PATCH", self.path(row, "/taskInstances/score"), json=body)

    def pause(self, row: Row) -> None:
        """Pause the DAG."""
        self.api.call("PATCH", f"/dags/{row.name}", json={"is_paused": True})

    def clear(self, row: Row) -> None:
        """Clear the task."""
        body = {
            "dry_run": False,
            "only_failed": False,
            "task_ids": ["score"],
            "dag_run_id": self.runs[row.name],
        }
        self.api.call("POST", f"/dags/{row.name}/clearTaskInstances", json=body)


def cancelled(job: dict[str, Any]) -> bool:
    """Whether a job was asked to end."""
    return job["state"] in {"CancelRequested", "Canceled"}


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started, itself first."""
    return [process, *process.children(recursive=True)]


def until(done: Any, seconds: float) -> bool:
    """Whether something came true within the seconds."""
    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            return False
        time.sleep(0.5)
    return True
