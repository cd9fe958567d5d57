"""A failure is explained from whatever run history can be read of it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
from airflow_provider_fabml.clients.completion import finish
from airflow_provider_fabml.core.connections.azure_ml_connection import parse_azure_ml_connection
from airflow_provider_fabml.core.errors import FabmlError, JobNotCompletedError
from airflow_provider_fabml.core.jobs.job import JobHandle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scoring import Scoring

pytestmark = pytest.mark.azurite
STORE = "azureml://datastores/trusted_blob/paths/"


def connect(scoring: Scoring) -> BatchEndpointClient:
    """A client of the service that scores."""
    made = scoring.connections["azure_ml_default"]
    connection = parse_azure_ml_connection(
        made["extra"], login=made["login"], password=made["password"], name="c"
    )
    return BatchEndpointClient(connection)


@pytest.fixture
def client(scoring: Scoring) -> Iterator[BatchEndpointClient]:
    """A client of the test's own."""
    with connect(scoring) as opened:
        yield opened
    scoring.emulator.control.clear_faults()


@pytest.fixture(scope="module")
def job(scoring: Scoring) -> JobHandle:
    """A job that the scoring script has really failed on: its only file holds no numbers."""
    folder = f"datasets/{uuid.uuid4().hex[:10]}"
    with scoring.container() as container:
        container.upload_blob(f"{folder}/bad.csv", "age\nold\n")
    data = {"jobInputType": "UriFolder", "uri": f"{STORE}{folder}"}
    score = {"jobOutputType": "UriFile", "uri": f"{STORE}out/{uuid.uuid4().hex}.csv"}
    body = {"properties": {"inputData": {"heart": data}, "outputData": {"score": score}}}
    with connect(scoring) as client:
        target = client.target("heart-classifier", None, None)
        view = client.invoke(target, body, deployment_name=None, invocation_id=uuid.uuid4().hex)
    status = scoring.emulator.control.wait(view.name, 30)
    return JobHandle(view.name, "heart-classifier", target.deployment_name, status, view.studio_url)


def test_a_real_failure_is_told_from_the_child_run_and_its_log(
    scoring: Scoring, client: BatchEndpointClient, job: JobHandle
) -> None:
    """The parent names a step; the child says the script failed; the log says by which exception."""
    assert job.status == "Failed"
    with pytest.raises(JobNotCompletedError) as caught:
        finish(job, client, None)
    text = str(caught.value)
    for part in (
        "ended Failed (step 'batchscoring')",
        "No succeeded mini batch item",
        "ValueError: could not convert string to float: 'old'",
        "logs/azureml/executionlogs.txt",
        "Remedy: run() returned nothing for its files",
        job.studio_url,
    ):
        assert part in text
    assert caught.value.advice.again is False


def test_a_child_on_a_later_page_is_found(
    scoring: Scoring, client: BatchEndpointClient, job: JobHandle
) -> None:
    """A pipeline's failed step may stand behind fifty others: every page is read."""
    names = ("shape", "score_step")
    child: dict[str, Any] = {"status": "Completed", "error": None}
    failed_child = {
        "name": names[1],
        "runId": "r-2",
        "status": "Failed",
        "error": {"error": {"code": "UserError", "message": "PreemptionError: pre-empted"}},
    }
    page = {"method": "GET", "path": "/children$"}
    first = {"/value": [{**child, "name": names[0]}] * 50, "/continuationToken": "1"}
    scoring.emulator.control.add_fault(**page, edit=first)
    scoring.emulator.control.add_fault(**page, edit={"/value": [failed_child]})
    reason = client.failure_reason(job.job_name)
    assert (reason.step, reason.advice.again) == (names[1], True)
    asked = scoring.emulator.requests.matching("GET", f"/runs/{job.job_name}/children")
    assert "continuationtoken" not in str(asked[-2].query)
    assert "continuationtoken" in str(asked[-1].query)


def test_a_pipeline_in_a_pipeline_is_opened(
    scoring: Scoring, client: BatchEndpointClient, job: JobHandle
) -> None:
    """A child that only says its own children failed leads to them."""
    inner = "Pipeline has failed child jobs. Failed nodes: /inner."
    nested = {
        "name": "nested",
        "runId": job.job_name,  # whose child runs the service knows
        "status": "Failed",
        "error": {"error": {"code": "UserError", "message": inner}},
    }
    scoring.emulator.control.add_fault(method="GET", path="/children$", edit={"/value": [nested]})
    reason = client.failure_reason(job.job_name)
    assert reason.step == "batchscoring"
    assert "No succeeded mini batch item" in reason.message


PARTS = {
    "own run": ("POST", "/rundata$", "No succeeded mini batch item"),
    "child runs": ("GET", "/children$", "Pipeline has failed child jobs"),
    "details": ("GET", "/details$", "No succeeded mini batch item"),
    "log": ("GET", "/_emulator/logs/", "No succeeded mini batch item"),
}
BROKEN: dict[str, dict[str, Any]] = {
    "403": {"status": 403},
    "503": {"status": 503},
    "a lost answer": {"drop": True},
    "half of an answer": {"truncate": "json"},
    "a sign-in page": {"status": 404, "body": "<html>"},
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("part", PARTS)
def test_what_cannot_be_read_leaves_the_rest(
    scoring: Scoring, client: BatchEndpointClient, job: JobHandle, part: str, how: str
) -> None:
    """Each of the four reads may fail in any way: the others still explain."""
    method, path, says = PARTS[part]
    scoring.emulator.control.add_fault(method=method, path=path, times=9, **BROKEN[how])
    assert says in client.failure_reason(job.job_name).message


def test_nothing_readable_is_an_error_that_hides_no_failure(
    scoring: Scoring, client: BatchEndpointClient, job: JobHandle
) -> None:
    """The hook's user hears of it; a task still ends with the job's own state and link."""
    scoring.emulator.control.add_fault(path="/history/", status=403, times=99)
    with pytest.raises(FabmlError, match="403"):
        client.failure_reason(job.job_name)
    with pytest.raises(JobNotCompletedError) as caught:
        finish(job, client, None)
    assert "ended Failed" in str(caught.value)
    assert job.studio_url in str(caught.value)
    assert caught.value.advice.again is None


@pytest.mark.parametrize("odd", [7, "x", [], ["x"], {"error": "x"}, {"error": {"error": 7}}])
def test_unknown_shapes_degrade(
    scoring: Scoring, client: BatchEndpointClient, job: JobHandle, odd: object
) -> None:
    """A service that answers otherwise than recorded gives less, and breaks nothing."""
    for path, pointer in ((r"/rundata$", "/runMetadata"), (r"/children$", "/value")):
        scoring.emulator.control.add_fault(path=path, edit={pointer: odd}, times=9)
    assert client.failure_reason(job.job_name).message == "the service gave no reason"
