"""The demo's scenario on a real scheduler, DAG processor, triggerer and API server."""

from __future__ import annotations

import csv

import pytest
from azure.storage.blob import ContainerClient

from airflow_provider_fabml.local.breast_cancer.data import upload
from airflow_provider_fabml.local.breast_cancer.outcome import DATASTORE, judge
from airflow_provider_fabml.local.breast_cancer.workspace import CONTAINER
from airflow_provider_fabml.local.demo import DAG_ID, tell

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]


def test_every_task_succeeds(running, demo_run):
    """All three tasks of the run end in success, each at its first attempt."""
    api = running.stack.airflow.api
    states = api.task_states(DAG_ID, demo_run.run_id)
    assert states == {"landed": "success", "score": "success", "scored": "success"}
    found = api.call("GET", f"/dags/{DAG_ID}/dagRuns/{demo_run.run_id}/taskInstances")
    assert {task["try_number"] for task in found["task_instances"]} == {1}


def test_the_sensor_tells_what_landed(running, demo_run):
    """The sensor's XCom counts the uploaded files and names both spellings of the place."""
    landed = running.stack.airflow.api.xcom(DAG_ID, demo_run.run_id, "landed")
    assert landed["count"] == len(running.prepared.files)
    assert landed["bytes"] == sum(file.stat().st_size for file in running.prepared.files)
    assert landed["datastore_uri"].rstrip("/") == f"{DATASTORE}datasets/breast-cancer"


def test_rows_out_are_rows_in_and_right(running, demo_run):
    """Each held-out row was scored exactly once, and nearly always as its label says."""
    outcome = judge(running.stack.azurite, demo_run.job, running.prepared.labels)
    outcome.check()
    assert outcome.rows_out == 285
    assert outcome.accuracy > 0.93


def test_the_output_is_unique_to_the_run(running, demo_run):
    """The output's path names DAG, run and task, below the root that the DAG gave."""
    uri = demo_run.job["outputs"]["score"]["uri"]
    assert uri.startswith(f"{DATASTORE}endpoints/{DAG_ID}/")
    assert "/score/" in uri
    assert demo_run.job["status"] == "Completed"


def test_the_terminal_tells_it(running, demo_run):
    """Steps with times, task states, first predictions, counts, accuracy and links are shown."""
    outcome = judge(running.stack.azurite, demo_run.job, running.prepared.labels)
    tell(running.stack, running.show, demo_run, outcome)
    shown = running.shown.getvalue()
    assert f"✓ Run the DAG {DAG_ID}" in shown
    assert "scored     success" in shown
    assert outcome.lines[0] in shown
    assert "Rows in    285\nRows out   285" in shown
    assert demo_run.job["studio_url"] in shown


@pytest.mark.shared
def test_the_how_to_data_is_scored(running, shared_dir):
    """The how-to's own files go through its own endpoint: every row in comes out once."""
    files = sorted((shared_dir / "data/uci-heart-unlabeled").glob("*.csv"))
    upload(running.stack.azurite.connection_string, files, "datasets/uci-heart-unlabeled")
    api = running.stack.airflow.api
    run_id = api.trigger(DAG_ID, {})
    _wait_for(api, DAG_ID, run_id)
    job = api.xcom(DAG_ID, run_id, "scored")
    path = job["outputs"]["score"]["uri"].removeprefix(DATASTORE)
    text = running.stack.azurite.connection_string
    with ContainerClient.from_connection_string(text, CONTAINER) as client:
        lines = client.download_blob(path).readall().decode().splitlines()
    rows_in = sum(len(list(csv.DictReader(file.open()))) for file in files)
    assert rows_in > 0
    assert len(lines) == rows_in


def _wait_for(api, dag_id: str, run_id: str) -> None:
    from airflow_provider_fabml.local.airflow_api import FINISHED, wait

    wait(lambda: api.run(dag_id, run_id)["state"] in FINISHED, 180, f"{run_id} did not finish")
    assert api.run(dag_id, run_id)["state"] == "success", api.task_states(dag_id, run_id)
