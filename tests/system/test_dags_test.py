"""``airflow dags test`` runs each DAG in one process, as its author would."""

from __future__ import annotations

import json

import pytest

from airflow_provider_fabml.local.breast_cancer.workspace import ENDPOINT

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("dag_id", "folder", "date"),
    [
        ("score_heart", "datasets/breast-cancer", None),
        ("score_daily_with_sensor", "datasets/dags-test", "2026-02-03"),
    ],
)
def test_dags_test_succeeds(running, dag_id, folder, date):
    """The command ends with success and without an error in what it prints."""
    _pause(running, dag_id)
    if date:
        _upload(running, f"{folder}/date={date}")
    conf = json.dumps({"endpoint_name": ENDPOINT, "shortcut_path": f"Files/{folder}"})
    done = running.airflow("dags", "test", dag_id, *([date] if date else []), "--conf", conf)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert "state=success" in said or "DagRun Finished" in said
    assert "Traceback" not in said, said[-3000:]
    assert running.stack.azurite.key not in said


def _pause(running, dag_id: str) -> None:
    """Keep the scheduler off: of an unpaused DAG it would run each task of this run as well."""
    api = running.stack.airflow.api
    api.wait_for_dag(dag_id)
    api.call("PATCH", f"/dags/{dag_id}", json={"is_paused": True})


def _upload(running, folder: str) -> None:
    from airflow_provider_fabml.local.breast_cancer.data import upload

    upload(running.stack.azurite.connection_string, running.prepared.files[:1], folder)
