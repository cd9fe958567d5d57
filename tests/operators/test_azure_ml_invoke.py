"""The invoke operator as whole tasks: real storage, a workspace that really scores."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from support.operators import ROOT, new_run, score
from support.scoring import Scoring
from support.task_runner import run_task, run_to_end

from airflow_provider_fabml import LiteralInput, UriFile, UriFolder

pytestmark = pytest.mark.azurite


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_folder_is_scored_row_by_row(scoring: Scoring, deferrable: bool):
    """Rows out equal rows in, at a path that only this attempt has."""
    folder, run_id = scoring.upload(files=3, rows=5), new_run()
    operator = score(inputs={"heart": UriFolder(folder)}, deferrable=deferrable)
    done = run_to_end(operator, connections=scoring.connections, run_id=run_id)
    assert done.state == "success", done.text
    uri = done.result["outputs"]["score"]["uri"]
    attempt = f"1-{done.result['invocation_id'][:8]}"
    assert uri == f"{ROOT}/a_dag/{run_id}/score/{attempt}/predictions.csv"
    assert len(scoring.read(uri).splitlines()) == 15
    assert done.result["checked_outputs"]["score"]["rows"] == 15
    assert done.result["status"] == "Completed"
    assert done.result["studio_url"].startswith("https://ml.azure.com/runs/")


def test_waiting_modes_give_the_same_result(scoring: Scoring):
    """Deferrable and not: the same XComs but for names and times."""
    results = []
    for deferrable in (False, True):
        folder = scoring.upload()
        operator = score(inputs={"heart": UriFolder(folder)}, deferrable=deferrable)
        done = run_to_end(operator, connections=scoring.connections, run_id=new_run())
        results.append((done.state, sorted(done.xcoms), sorted(done.result)))
    assert results[0] == results[1]


def test_the_deferral_is_real(slow_scoring: Scoring):
    """A job that still runs after the submit sends the task to the triggerer, and back."""
    operator = score(inputs={"heart": UriFolder(slow_scoring.upload())}, deferrable=True)
    done = run_to_end(operator, connections=slow_scoring.connections, run_id=new_run())
    assert done.phases == ["deferred", "success"], done.text


def test_a_retry_finds_the_job_it_started(scoring: Scoring):
    """A second try after a lost worker resumes: one POST in all."""
    operator = score(
        inputs={"heart": UriFolder(scoring.upload())}, wait_for_completion=False, retries=1
    )
    store: dict = {}
    run_id, before = new_run(), len(scoring.posts())
    first = run_task(
        operator, connections=scoring.connections, run_id=run_id, state_store=store, max_tries=1
    )
    again = run_task(
        operator,
        connections=scoring.connections,
        run_id=run_id,
        state_store=store,
        try_number=2,
        max_tries=1,
    )
    assert first.result["job_name"] == again.result["job_name"]
    assert len(scoring.posts()) == before + 1


def test_a_clear_opens_a_new_attempt_with_a_new_path(scoring: Scoring):
    """After a Clear (max_tries differs) the old job's result is never the new one's."""
    operator = score(inputs={"heart": UriFolder(scoring.upload())})
    store: dict = {}
    run_id = new_run()
    outcomes = [
        run_to_end(
            operator,
            connections=scoring.connections,
            run_id=run_id,
            state_store=store,
            try_number=number,
            max_tries=number - 1,
        )
        for number in (1, 2)
    ]
    names = {done.result["job_name"] for done in outcomes}
    uris = [done.result["outputs"]["score"]["uri"] for done in outcomes]
    assert len(names) == 2
    assert "/score/1-" in uris[0]
    assert "/score/2-" in uris[1]


def test_templates_reach_into_typed_inputs(scoring: Scoring):
    """Jinja inside a typed value is rendered, and a setting rendered to text is a number again."""
    folder = scoring.upload()
    head, _, leaf = folder.rpartition("/")
    operator = score(
        inputs={"heart": UriFolder(head + "/{{ params.leaf }}")},
        params={"leaf": leaf},
        job_settings={"MiniBatchSize": "{{ 2 * 1 }}"},
    )
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run())
    assert done.state == "success", done.text
    body = scoring.last_body()
    assert body["inputData"]["heart"]["uri"] == folder
    assert body["miniBatchSize"] == 2


def test_fabric_spelling_is_accepted(scoring: Scoring):
    """Inputs and outputs as Fabric's activity writes them give the same request."""
    folder = scoring.upload()
    operator = score(
        inputs={"heart": {"JobInputType": "UriFolder", "Uri": folder}},
        outputs={"score": {"JobOutputType": "UriFile"}},
    )
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run())
    assert done.state == "success", done.text
    taken = done.result["inputs"]["heart"]
    assert (taken["type"], taken["uri"], taken["count"]) == ("UriFolder", folder, 3)


def test_a_pipeline_component_takes_literals_and_named_outputs(scoring: Scoring):
    """Named inputs, a literal with its type, and an output folder below the root."""
    operator = score(
        endpoint_name="heart-pipeline",
        inputs={"heart": UriFolder(scoring.upload()), "score_mode": LiteralInput("append")},
        outputs={"scores": {"JobOutputType": "UriFolder"}},
    )
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run())
    assert done.state == "success", done.text
    attempt = f"1-{done.result['invocation_id'][:8]}"
    assert done.result["outputs"]["scores"]["uri"].endswith(f"/score/{attempt}/scores")
    assert done.result["checked_outputs"]["scores"]["files"] >= 1


def test_an_empty_input_is_refused_before_the_post(scoring: Scoring):
    """Nothing to score: no job, no retry, and the reason names the place."""
    before = len(scoring.posts())
    operator = score(inputs={"heart": UriFolder(f"{ROOT}/nothing-{uuid.uuid4().hex}")})
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run(), max_tries=3)
    assert done.state == "failed"
    assert "nothing to score" in done.text
    assert len(scoring.posts()) == before


def test_an_occupied_output_is_refused_before_the_post(scoring: Scoring):
    """A path that holds something is never written to again."""
    folder = scoring.upload(files=1)
    before = len(scoring.posts())
    operator = score(
        inputs={"heart": UriFolder(folder)},
        outputs={"score": UriFile(f"{folder}/heart-0.csv")},
        output_root=None,
    )
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run(), max_tries=3)
    assert done.state == "failed"
    assert "something lies there already" in done.text
    assert len(scoring.posts()) == before


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failed_job_tells_the_child_runs_reason(scoring: Scoring, deferrable: bool):
    """The error has the service's own words, the step, the remedy and the studio link."""
    folder = scoring.upload(files=1)
    with scoring.container() as container:
        _, _, path = folder.partition("/paths/")
        container.upload_blob(f"{path}/broken.csv", "not,a,heart\n1,2,3\n")
    operator = score(
        inputs={"heart": UriFolder(folder)},
        job_settings={"ErrorThreshold": 0, "RetrySettings": {"MaxRetries": 0}},
        deferrable=deferrable,
    )
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run(), max_tries=1)
    assert done.state == "up_for_retry", done.text
    assert "ended Failed (step 'batchscoring')" in str(done.error)
    assert "https://ml.azure.com/runs/" in str(done.error)


def test_the_record_outlives_thirty_days(scoring: Scoring):
    """The task state record never expires, unlike Airflow's default of 30 days."""
    operator = score(inputs={"heart": UriFolder(scoring.upload())}, wait_for_completion=False)
    done = run_task(operator, connections=scoring.connections, run_id=new_run())
    kept = [m for m in done.sent if type(m).__name__ == "SetTaskStateStore"]
    assert kept
    assert all(message.expires_at is None for message in kept)


def test_a_clear_does_not_need_the_old_job(scoring: Scoring):
    """A job of an earlier attempt that stays gone is left and named, as an error; the new one starts."""
    operator = score(inputs={"heart": UriFolder(scoring.upload())})
    operator.patience = timedelta(seconds=2)
    run_id, store = new_run(), {}
    common = {"connections": scoring.connections, "run_id": run_id, "state_store": store}
    first = run_to_end(operator, **common, max_tries=0)
    scoring.emulator.control.add_fault(
        method="GET", path=f"/jobs/{first.result['job_name']}", status=404, times=50
    )
    second = run_to_end(operator, **common, try_number=2, max_tries=1)
    scoring.emulator.control.clear_faults()
    assert second.state == "success", second.text
    assert f"it may still run: job {first.result['job_name']} could not be cancelled" in second.text
    assert second.result["job_name"] != first.result["job_name"]


@pytest.mark.parametrize("status", [404, 503])
def test_the_first_look_decides_nothing(scoring: Scoring, status: int):
    """A job that was started is not failed because it cannot be read at once."""
    scoring.emulator.control.add_fault(
        method="GET", path="/workspaces/[^/]+/jobs/", status=status, retry_after="0", times=4
    )
    operator = score(inputs={"heart": UriFolder(scoring.upload())}, wait_for_completion=False)
    done = run_task(operator, connections=scoring.connections, run_id=new_run())
    scoring.emulator.control.clear_faults()
    assert done.state == "success", done.text
    assert "cannot be read yet" in done.text
