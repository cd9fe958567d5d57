"""Settings are read back from the job: one that the service did not take is never passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.operators import new_run, score
from support.task_runner import run_task, run_to_end

from airflow_provider_fabml import UriFolder

if TYPE_CHECKING:
    from support.scoring import Scoring

pytestmark = pytest.mark.azurite
PIPELINE_SETTINGS = {
    "ContinueOnStepFailure": True,
    "DefaultDatastore": "workspaceblobstore",
    "ForceRun": True,
}


def pipeline(scoring: Scoring, **changes):
    """A pipeline component invocation with Fabric's three settings."""
    return score(
        endpoint_name="heart-pipeline",
        inputs={"heart": UriFolder(scoring.upload())},
        outputs={"scores": {"JobOutputType": "UriFolder"}},
        job_settings=PIPELINE_SETTINGS,
        **changes,
    )


@pytest.fixture
def switch(scoring: Scoring):
    """Sets switches of the emulator for one test."""
    before = dict(scoring.emulator.control.switches)
    yield scoring.emulator.control.set_switches
    scoring.emulator.control.set_switches(**before)


def test_model_settings_are_sent_and_confirmed(scoring: Scoring, switch):
    """Every setting of a model deployment arrives; no warning where the job confirms it."""
    switch(vintage="2023-03")
    operator = score(
        inputs={"heart": UriFolder(scoring.upload())},
        job_settings={
            "mini_batch_size": "1",
            "ErrorThreshold": -1,
            "RetrySettings": {"MaxRetries": 1, "Timeout": "PT20S"},
            "LoggingLevel": "debug",
            "OutputFileName": "heart.csv",
        },
    )
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run())
    assert done.state == "success", done.text
    assert done.result["outputs"]["score"]["uri"].endswith("/heart.csv")
    body = scoring.last_body()
    assert body["retrySettings"] == {"maxRetries": 1, "timeout": "PT20S"}
    assert body["loggingLevel"] == "Debug"
    assert "not taken" not in done.text


@pytest.mark.parametrize("strict", [False, True])
def test_a_setting_the_service_ignores_is_loud(scoring: Scoring, switch, strict: bool):
    """Where the job shows another value: an error in the log, a failed task when strict."""
    switch(pipeline_settings="ignored")
    operator = pipeline(scoring, strict_settings=strict)
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run(), max_tries=2)
    assert done.state == ("failed" if strict else "success"), done.text
    assert "ContinueOnStepFailure: True was sent, the job has 'False'" in done.text


def test_a_setting_the_service_takes_is_quiet(scoring: Scoring, switch):
    """Where the job confirms the settings nothing is said, strict or not."""
    switch(pipeline_settings="honoured")
    operator = pipeline(scoring, strict_settings=True)
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run())
    assert done.state == "success", done.text
    assert "was sent" not in done.text


def test_a_setting_the_service_refuses_fails_at_once(scoring: Scoring, switch):
    """A 400 is permanent and carries the service's own words."""
    switch(pipeline_settings="refused")
    done = run_to_end(
        pipeline(scoring), connections=scoring.connections, run_id=new_run(), max_tries=2
    )
    assert done.state == "failed"
    assert "HTTP 400" in str(done.error)


def test_a_setting_of_the_other_kind_is_refused_before_the_post(scoring: Scoring):
    """A pipeline setting has no effect on a model deployment: said before anything is sent."""
    before = len(scoring.posts())
    operator = score(inputs={"heart": UriFolder(scoring.upload())}, job_settings={"ForceRun": True})
    done = run_task(operator, connections=scoring.connections, run_id=new_run())
    assert done.state == "failed"
    assert "it has no effect on a model deployment" in str(done.error)
    assert len(scoring.posts()) == before


def test_the_job_names_its_run(scoring: Scoring, switch):
    """Default tags and description name DAG, run and task; the caller's own are kept beside them."""
    switch(stores_tags=True)
    operator = score(
        inputs={"heart": UriFolder(scoring.upload())}, job_settings={"Tags": {"team": "risk"}}
    )
    run_id = new_run()
    done = run_to_end(operator, connections=scoring.connections, run_id=run_id)
    assert done.state == "success", done.text
    body = scoring.last_body()
    assert body["tags"]["airflow_run_id"] == run_id
    assert body["tags"]["team"] == "risk"
    assert body["description"] == f"Airflow a_dag / {run_id} / score"
