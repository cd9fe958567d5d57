"""The operator leaves a manifest beside its predictions, last (D10)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.meanwhile import meanwhile, until
from support.operators import new_run, score
from support.task_runner import TaskOutcome, run_to_end

from airflow_provider_fabml import UriFolder

if TYPE_CHECKING:
    from support.scoring import Scoring

pytestmark = pytest.mark.azurite


def run(scoring: Scoring, run_id: str, *, end: str = "", **changes: Any) -> TaskOutcome:
    """Score two files of a partition; ``end`` ends the job by itself where nothing else does."""
    operator = score(
        inputs={"heart": UriFolder(scoring.upload(files=2, rows=3))},
        storage_conn_id="onelake_default",
        **changes,
    )
    control = scoring.emulator.control

    def finish() -> None:
        if end:
            until(lambda: [job for job in control.jobs() if run_id in str(job["request"])])
            control.set_state(control.jobs()[-1]["name"], end)

    with meanwhile(finish):
        return run_to_end(
            operator,
            connections=scoring.connections,
            run_id=run_id,
            partition_key="2026-01-31",
        )


def left(scoring: Scoring, run_id: str) -> list[dict[str, Any]]:
    """The manifests below a run's folder."""
    with scoring.container() as container:
        names = [b.name for b in container.list_blobs(name_starts_with="endpoints/")]
        ours = [n for n in names if f"/{run_id}/" in n and n.endswith("/_manifest.json")]
        return [json.loads(container.download_blob(name).readall()) for name in ours]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_finished_scoring_leaves_one_manifest(scoring: Scoring, deferrable: bool):
    """Partition, run, job, the inputs as they were, the outputs as they were checked."""
    run_id = new_run()
    done = run(scoring, run_id, deferrable=deferrable)
    assert done.state == "success", done.text
    (found,) = left(scoring, run_id)
    assert (found["status"], found["partition"]) == ("completed", "2026-01-31")
    assert found["job"]["name"] == done.result["job_name"]
    assert found["run"]["run_id"] == run_id
    seen = found["inputs"]["heart"]
    assert (seen["count"], len(seen["digest"])) == (2, 64)
    assert found["outputs"]["score"]["rows"] == 6
    assert found["outputs"]["score"]["uri"] == done.result["outputs"]["score"]["uri"]


def test_a_failed_job_leaves_its_manifest_too(manual_scoring: Scoring):
    """Who looks for finished partitions sees that this one was tried, and on which data."""
    run_id = new_run()
    done = run(manual_scoring, run_id, end="Failed")
    assert "ended Failed" in str(done.error)
    (found,) = left(manual_scoring, run_id)
    assert (found["status"], found["inputs"]["heart"]["count"]) == ("failed", 2)


def test_an_output_that_is_not_usable_leaves_none(manual_scoring: Scoring):
    """The job completed and nothing lies there: that is not finished."""
    run_id = new_run()
    done = run(manual_scoring, run_id, end="Completed")
    assert "nothing lies at" in str(done.error)
    assert left(manual_scoring, run_id) == []


def test_the_manifest_can_be_left_out(scoring: Scoring):
    """For an identity that may only read."""
    run_id = new_run()
    assert run(scoring, run_id, write_manifest=False).state == "success"
    assert left(scoring, run_id) == []
