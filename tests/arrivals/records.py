"""Reads what happened: Airflow's database, the service's jobs, manifests and outputs in storage."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from arrivals.facts import Place, Scored, Wake
from faults.database import Database, decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.storage.blob import ContainerClient

    from airflow_provider_fabml.emulator import EmulatorServer

INPUTS = "azureml://datastores/trusted_blob/paths/datasets/"
STORE = "azureml://datastores/trusted_blob/paths/"
READ = frozenset({"Finalizing", "Completed"})
_WAKES = """
select dag_id, extract(epoch from start_date), extract(epoch from end_date) from task_instance
where task_id = 'due' and state in ('success', 'skipped')
"""
_GOING = (
    "select count(*) from dag_run where dag_id like 'score_%' and state in ('queued', 'running')"
)
_ENDS = "select dag_id, run_id, state from dag_run where dag_id like %s and state <> 'success'"
_SKIPPED = "select count(*) from task_instance where task_id = 'score' and state = 'skipped'"
_RECORDS = "select value from task_state_store where key = 'fabml_invocation'"
_WAITING = "select count(*) from asset_partition_dag_run where created_dag_run_id is null"


class Records(Database):
    """What Airflow knows of routers and scorings."""

    def wakes(self) -> list[Wake]:
        """The looks of the routers that ended well."""
        rows = self.rows(_WAKES)
        return [Wake(d.removeprefix("route_"), float(b), float(e)) for d, b, e in rows]

    def going(self) -> int:
        """How many scoring runs have not ended, or are about to begin."""
        return int(self.rows(_GOING)[0][0]) + int(self.rows(_WAITING)[0][0])

    def not_successful(self) -> list[str]:
        """The scoring runs that did not succeed."""
        return [f"{dag} {run}: {state}" for dag, run, state in self.rows(_ENDS, ("score_%",))]

    def skipped(self) -> int:
        """How many scorings left a partition to the run of its newer data."""
        return int(self.rows(_SKIPPED)[0][0])

    def read_by_job(self) -> dict[str, str]:
        """The digest of the input that each job was started with, as the operator wrote it down."""
        found = {}
        for (value,) in self.rows(_RECORDS):
            record = decoded(value)
            digests = [seen.get("digest") for seen in (record.get("seen_inputs") or {}).values()]
            if record.get("job") and digests:
                found[record["job"]["job_name"]] = str(digests[0])
        return found


class Jobs:
    """The service's jobs, and when each was first listed."""

    def __init__(self, emulator: EmulatorServer) -> None:
        self._emulator = emulator
        self._seen: dict[str, float] = {}
        self.all: list[Scored] = []
        self._truth: list[dict[str, Any]] = []

    def look(self) -> None:
        """Ask for them."""
        self._truth = self._emulator.control.jobs()
        now = time.time()
        self.all = [
            Scored(
                truth["name"],
                truth["state"],
                _place(truth),
                self._seen.setdefault(truth["name"], now),
            )
            for truth in self._truth
        ]

    def with_manifests(self, container: ContainerClient) -> list[Scored]:
        """The jobs with what their manifests say and how many rows their outputs have."""
        found: dict[str, dict[str, Any]] = {}
        for blob in container.list_blobs(name_starts_with="endpoints/"):
            if blob.name.endswith("/_manifest.json"):
                manifest = json.loads(container.download_blob(blob.name).readall())
                found[manifest["job"]["name"]] = manifest
        outputs = {truth["name"]: truth["outputs"].get("score") for truth in self._truth}
        return [_told(job, found.get(job.name), outputs[job.name], container) for job in self.all]


def _told(
    job: Scored,
    manifest: Mapping[str, Any] | None,
    output: str | None,
    container: ContainerClient,
) -> Scored:
    if manifest is None or manifest["status"] != "completed" or output is None:
        return job
    text = container.download_blob(output.removeprefix(STORE)).readall()
    return job._replace(
        digest=manifest["inputs"]["heart"]["digest"],
        written=_seconds(manifest["written_at"]),
        rows=len(text.splitlines()),
    )


def _place(truth: Mapping[str, Any]) -> Place:
    (given,) = truth["request"]["inputData"].values()
    tree, _, folder = given["uri"].removeprefix(INPUTS).partition("/")
    return Place(tree, folder)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
