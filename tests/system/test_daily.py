"""``score_daily_with_sensor`` over past dates, with Airflow's own backfill and as it stands."""

from __future__ import annotations

import json

import pytest
from azure.storage.blob import ContainerClient

from airflow_provider_fabml.local.airflow_api import FINISHED, wait
from airflow_provider_fabml.local.breast_cancer.outcome import DATASTORE
from airflow_provider_fabml.local.breast_cancer.workspace import CONTAINER, ENDPOINT

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
DAG_ID = "score_daily_with_sensor"
DATES = [f"2026-01-0{day}" for day in range(1, 6)]
FOLDER = "datasets/breast-cancer-daily"
CONF = {"endpoint_name": ENDPOINT, "shortcut_path": f"Files/{FOLDER}"}


def _client(running) -> ContainerClient:
    text = running.stack.azurite.connection_string
    return ContainerClient.from_connection_string(text, CONTAINER)


@pytest.fixture(scope="module")
def backfilled(running) -> list[dict]:
    """Five runs made by ``airflow backfill create``, each over another file of the data."""
    with _client(running) as client:
        for date, file in zip(DATES, running.prepared.files, strict=True):
            client.upload_blob(f"{FOLDER}/date={date}/{file.name}", file.read_bytes())
    api = running.stack.airflow.api
    api.wait_for_dag(DAG_ID)
    api.unpause(DAG_ID)
    running.backfill(DAG_ID, DATES[0], DATES[-1], "--dag-run-conf", json.dumps(CONF))
    wait(lambda: _finished(api), 300, "The backfill did not finish")
    return _backfill_runs(api)


def _backfill_runs(api) -> list[dict]:
    runs = [run for run in api.runs(DAG_ID) if run["run_type"] == "backfill"]
    return sorted(runs, key=lambda run: run["logical_date"])


def _finished(api) -> bool:
    runs = _backfill_runs(api)
    return len(runs) == len(DATES) and all(run["state"] in FINISHED for run in runs)


def test_each_date_has_one_successful_run(backfilled):
    """Five dates give five runs, all of them successful."""
    assert [run["logical_date"][:10] for run in backfilled] == DATES
    assert {run["state"] for run in backfilled} == {"success"}


def test_each_date_has_one_job_and_one_output(running, backfilled):
    """Five different jobs wrote five different files, and there is no sixth."""
    api = running.stack.airflow.api
    jobs = [api.xcom(DAG_ID, run["dag_run_id"], "score") for run in backfilled]
    assert len({job["job_name"] for job in jobs}) == len(DATES)
    said = {job["outputs"]["score"]["uri"].removeprefix(DATASTORE) for job in jobs}
    with _client(running) as client:
        names = client.list_blob_names(name_starts_with=f"endpoints/{DAG_ID}/backfill__")
        written = {name for name in names if name.endswith("predictions.csv")}
    assert said == written
    assert len(said) == len(DATES)


def test_each_output_holds_its_own_date(running, backfilled):
    """A date's predictions are those of the file that lay in that date's folder."""
    api = running.stack.airflow.api
    for run, file in zip(backfilled, running.prepared.files, strict=True):
        uri = api.xcom(DAG_ID, run["dag_run_id"], "score")["outputs"]["score"]["uri"]
        with _client(running) as client:
            lines = client.download_blob(uri.removeprefix(DATASTORE)).readall().decode()
        scored = [line.split(" ")[:2] for line in lines.splitlines()]
        wanted = [place for place in running.prepared.labels if place[0] == file.name]
        assert sorted(scored) == sorted([name, str(row)] for name, row in wanted)
