"""The example DAGs as they stand on a real stack: what lands, what runs, and what was scored."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import httpx
from azure.storage.blob import ContainerClient
from support.scoring import HEADER, ROWS

from airflow_provider_fabml.local.airflow_api import FINISHED, wait
from airflow_provider_fabml.local.breast_cancer.workspace import CONTAINER

if TYPE_CHECKING:
    from system.conftest import Running

PATIENCE = 300
TEXT = "\n".join([HEADER, *ROWS, ""])
# What heart-classifier says of those rows: number of the row, risk factors, 1 from four factors on.
SCORED = ("0 3 0", "1 7 1", "2 1 0")
STRICT = ("0 3 1", "1 7 1", "2 1 0")  # ... and from two factors on


def lines(*files: str, says: tuple[str, ...] = SCORED) -> list[str]:
    """The predictions for these files, in order."""
    return sorted(f"{file} {line}" for file in files for line in says)


class World:
    """A running stack, as a data engineer sees it who unpauses the examples."""

    def __init__(self, running: Running) -> None:
        self.running, self.stack = running, running.stack
        self.api: Any = running.stack.airflow.api

    def container(self) -> ContainerClient:
        """The container that shortcut and datastore show."""
        text = self.stack.azurite.connection_string
        return ContainerClient.from_connection_string(text, CONTAINER)

    def land(self, *files: str) -> None:
        """Upload heart data of three patients under each name below ``datasets/``."""
        with self.container() as client:
            for file in files:
                client.upload_blob(f"datasets/{file}", TEXT)

    def predictions(self, job: dict[str, Any]) -> list[str]:
        """What a job wrote, in order; the manifest lies beside it."""
        (uri,) = job["outputs"].values()
        path = uri.partition("/paths/")[2]
        with self.container() as client:
            found = client.download_blob(path, encoding="utf-8").readall()
            folder = path.rpartition("/")[0]
            manifest = json.loads(client.download_blob(f"{folder}/_manifest.json").readall())
        assert manifest["status"].lower() == "completed"
        return sorted(found.splitlines())

    def jobs(self, dag_id: str) -> list[dict[str, Any]]:
        """Every job that Azure ML ever had with an output of this DAG, oldest first."""
        assert self.stack.azure_ml is not None
        trust = ssl.create_default_context(
            cafile=self.stack.azure_ml.environment["REQUESTS_CA_BUNDLE"]
        )
        found = httpx.get(f"{self.stack.azure_ml.address}/_emulator/jobs", verify=trust).json()
        return [job for job in found if f"/endpoints/{dag_id}/" in json.dumps(job["request"])]

    def unpause(self, *dag_ids: str) -> None:
        """Let the scheduler run these DAGs."""
        for dag_id in dag_ids:
            self.api.wait_for_dag(dag_id)
            self.api.unpause(dag_id)

    def runs(self, dag_id: str, count: int) -> list[dict[str, Any]]:
        """Wait for so many runs, all of them finished with success; the oldest first."""

        def finished() -> list[dict[str, Any]]:
            return [run for run in self.api.runs(dag_id) if run["state"] in FINISHED]

        wait(lambda: len(finished()) >= count, PATIENCE, f"{dag_id} has no {count} finished runs")
        found = sorted(finished(), key=lambda run: run["run_after"])
        assert [run["state"] for run in found] == ["success"] * count, self._why(found)
        return found

    def run(self, dag_id: str) -> dict[str, Any]:
        """Start a run by hand and wait for its success."""
        run_id = self.api.trigger(dag_id, {})
        return self.ended(dag_id, run_id)

    def ended(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Wait for a run's success."""
        told = f"{dag_id} {run_id} did not finish"
        wait(lambda: self.api.run(dag_id, run_id)["state"] in FINISHED, PATIENCE, told)
        run: dict[str, Any] = self.api.run(dag_id, run_id)
        assert run["state"] == "success", self._why([run])
        return run

    def clear(self, dag_id: str, run_id: str, *tasks: Any) -> None:
        """Clear tasks of a run with what follows them, and wait for its next success."""
        body = {
            "dry_run": False,
            "only_failed": False,
            "dag_run_id": run_id,
            "task_ids": list(tasks),
            "include_downstream": True,
        }
        self.api.call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)
        self.ended(dag_id, run_id)

    def _why(self, runs: list[dict[str, Any]]) -> str:
        """The logs of the tasks of failed runs."""
        told = []
        for dag_id, run_id in [
            (r["dag_id"], r["dag_run_id"]) for r in runs if r["state"] == "failed"
        ]:
            for task, state in self.api.task_states(dag_id, run_id).items():
                told += [f"{run_id} {task} {state}", *self.api.task_log(dag_id, run_id, task)[-15:]]
        return "\n".join(told)
