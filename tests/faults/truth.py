"""Reads the truth from outside: task instances from PostgreSQL, jobs from the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faults.database import Database, decoded
from faults.seen import Key, Seen
from faults.verdict import Job, Verdict, judge

if TYPE_CHECKING:
    from faults.rig import Rig

    from airflow_provider_fabml.emulator import EmulatorServer

_TASKS = """
select ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number, ti.state, ti.pid,
       ti.next_method is not null, t.triggerer_id, s.value
from task_instance ti
join dag_run r on r.dag_id = ti.dag_id and r.run_id = ti.run_id
left join trigger t on t.id = ti.trigger_id
left join task_state_store s on s.dag_run_id = r.id and s.task_id = ti.task_id
     and s.map_index = ti.map_index and s.key = 'fabml_invocation'
where (r.state in ('queued', 'running') or %(all)s)
  and not (ti.task_id = 'each' and ti.map_index = -1)
order by ti.run_id, ti.task_id, ti.map_index
"""
_RESULTS = """
select dag_id, run_id, task_id, map_index, value from xcom where key = 'return_value'
"""
_TRIGGERERS = """
select hostname, max(id) from job where job_type = 'TriggererJob' group by hostname
"""
_DATASTORE = "azureml://datastores/trusted_blob/paths/"


class Metadata(Database):
    """What Airflow knows of the runs."""

    def tasks(self, *, finished_too: bool = False) -> list[Seen]:
        """Return the task instances of the runs that go on, or of all."""
        return [_seen(row) for row in self.rows(_TASKS, {"all": finished_too})]

    def results(self) -> dict[Key, dict[str, Any]]:
        """Return what each task instance returned."""
        return {Key(*row[:4]): decoded(row[4]) for row in self.rows(_RESULTS)}

    def runs(self) -> dict[str, str]:
        """Return each DAG run's state."""
        return {f"{dag} {run}": state for dag, run, state in self.rows(_RUNS)}

    def triggerers(self) -> dict[int, str]:
        """Return the triggerers by the id of their newest process."""
        return {newest: name for name, newest in self.rows(_TRIGGERERS)}


_RUNS = "select dag_id, run_id, state from dag_run"


def _seen(row: tuple[Any, ...]) -> Seen:
    return Seen(Key(*row[:4]), *row[4:9], decoded(row[9]) if row[9] else None)


def jobs(emulator: EmulatorServer) -> list[Job]:
    """Return every job with the task instance that its tags name."""
    return [_job(truth) for truth in emulator.control.jobs()]


def invocations(emulator: EmulatorServer) -> set[str]:
    """Return the invocations that have made a job."""
    return {truth["request"]["tags"]["airflow_invocation"] for truth in emulator.control.jobs()}


def verdict(
    rig: Rig,
    metadata: Metadata,
    prefix: str,
    cleared: dict[Key, int],
    untold: dict[Key, int],
) -> Verdict:
    """Judge the DAG runs whose ids begin with *prefix*."""
    results = metadata.results()
    tasks = [each.key for each in metadata.tasks(finished_too=True)]
    with rig.container() as container:
        blobs = set(container.list_blob_names(name_starts_with="endpoints/"))
    return judge(
        {run: state for run, state in metadata.runs().items() if f" {prefix}" in run},
        {key: results.get(key) for key in tasks if key.run_id.startswith(prefix)},
        [job for job in jobs(rig.emulator) if job.key.run_id.startswith(prefix)],
        blobs,
        cleared,
        untold,
    )


def _job(truth: dict[str, Any]) -> Job:
    tags = truth["request"]["tags"]
    index = int(tags.get("airflow_map_index", -1))
    key = Key(tags["airflow_dag_id"], tags["airflow_run_id"], tags["airflow_task_id"], index)
    (output,) = truth["request"]["outputData"].values()
    return Job(truth["name"], truth["state"], key, output["uri"].removeprefix(_DATASTORE))
