"""Reads what happened: Airflow's database, the service's jobs, manifests and outputs in storage."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from arrivals.facts import Emission, Place, Scored, Skip, Wake
from faults.database import Database, decoded

from airflow_provider_fabml.core.arrivals.short_digest import short

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
_EMISSIONS = """
select asset.name, event.partition_key, event.extra::json -> 'digests' ->> event.partition_key,
  extract(epoch from event.timestamp)
from asset_event event join asset on asset.id = event.asset_id
where asset.name like 'due_%' and event.partition_key is not null
order by event.timestamp
"""
_SKIPS = """
select run.dag_id, run.partition_key, event.extra::json -> 'digests' ->> run.partition_key,
  extract(epoch from ti.start_date)
from task_instance ti
join dag_run run on run.dag_id = ti.dag_id and run.run_id = ti.run_id
join dagrun_asset_event consumed on consumed.dag_run_id = run.id
join asset_event event on event.id = consumed.event_id
where ti.task_id = 'score' and ti.state = 'skipped'
"""
_WAITS = """
select extract(epoch from start_date - queued_at), extract(epoch from end_date - start_date)
from dag_run where dag_id like 'score_%' and state = 'success'
"""
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

    def emissions(self) -> list[Emission]:
        """What the routers emitted, in the order of time."""
        rows = self.rows(_EMISSIONS)
        return [Emission(_partition(a, key), digest, float(at)) for a, key, digest, at in rows]

    def skips(self) -> list[Skip]:
        """The scorings that left a partition to another run."""
        rows = self.rows(_SKIPS)
        return [Skip(_partition(dag, key), digest, float(at)) for dag, key, digest, at in rows]

    def waits(self) -> list[tuple[float, float]]:
        """Seconds from queued to started, and from there to the end, of each scoring run."""
        return [(float(queued), float(ran)) for queued, ran in self.rows(_WAITS)]

    def read_by_job(self) -> dict[str, str]:
        """The digest of the input that each job was started with, as the operator wrote it down."""
        found = {}
        for (value,) in self.rows(_RECORDS):
            record = decoded(value)
            digests = [seen.get("digest") for seen in (record.get("seen_inputs") or {}).values()]
            if record.get("job") and digests:
                found[record["job"]["job_name"]] = short(str(digests[0]))
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


def _partition(name: str, key: str) -> Place:
    """Give the folder of a partition; a tree's asset and DAG are called ``due_<tree>``, ``score_<tree>``."""
    return Place(name.partition("_")[2], f"date={key}")


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
        digest=short(manifest["inputs"]["heart"]["digest"]),
        written=_seconds(manifest["written_at"]),
        rows=len(text.splitlines()),
    )


def _place(truth: Mapping[str, Any]) -> Place:
    (given,) = truth["request"]["inputData"].values()
    tree, _, folder = given["uri"].removeprefix(INPUTS).partition("/")
    return Place(tree, folder)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
