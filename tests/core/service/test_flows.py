"""Each flow is walked by hand: what it asks, and what it makes of the answers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_fabml.core.errors import AnswerLostError, PermanentError, TransientError
from airflow_provider_fabml.core.service import flows
from airflow_provider_fabml.core.service.cloud import AZURE_CLOUDS
from airflow_provider_fabml.core.service.http import ANONYMOUS, ARM, ML, Flow, Request, Response
from airflow_provider_fabml.core.service.reads import read_object
from airflow_provider_fabml.core.service.workspace import API_VERSION, Workspace

SITE = flows.Site(Workspace("sub", "rg (x)", "ws"), AZURE_CLOUDS["AzureCloud"])
WS = (
    "https://management.azure.com/subscriptions/sub/resourceGroups/rg%20%28x%29/providers/"
    "Microsoft.MachineLearningServices/workspaces/ws"
)
SCORING = "https://heart.westeurope.inference.ml.azure.com/jobs"
TARGET = flows.Target(SCORING, "blue", "model")
JOB = {"name": "job-1", "properties": {"status": "Running"}}
ENDPOINT = {"properties": {"scoringUri": SCORING, "defaults": {"deploymentName": "blue"}}}


def walk(flow: Flow[Any], *answers: Any) -> tuple[list[Request], Any]:
    """Send the answers one by one; give the requests made and what the flow returned."""
    asked = [next(flow)]
    for answer in answers:
        response = answer if isinstance(answer, Response) else Response(200, {}, answer)
        try:
            asked.append(flow.send(response))
        except StopIteration as stop:
            return asked, stop.value
    raise AssertionError(f"the flow asks on: {asked[-1].url}")


def paths(asked: list[Request]) -> list[str]:
    """Method and path below the workspace, without the api-version."""
    return [f"{r.method} {r.url.replace(WS, '').partition('?')[0]}" for r in asked]


@pytest.mark.parametrize(
    ("flow", "path"),
    [
        (flows.workspace(SITE), ""),
        (flows.endpoint(SITE, "heart"), "/batchEndpoints/heart"),
        (flows.datastore(SITE, "a/b"), "/datastores/a%2Fb"),
    ],
)
def test_a_resource_is_one_read(flow: Flow[Any], path: str) -> None:
    """One GET through the Resource Manager, with every name percent-encoded."""
    (request,), body = walk(flow, {"name": "x"})
    assert request == Request("GET", f"{WS}{path}?api-version={API_VERSION}", ARM)
    assert body == {"name": "x"}


@pytest.mark.parametrize(
    ("name", "kind", "reads"),
    [
        (None, None, ["GET /batchEndpoints/heart", "GET /batchEndpoints/heart/deployments/blue"]),
        ("red", None, ["GET /batchEndpoints/heart", "GET /batchEndpoints/heart/deployments/red"]),
        ("red", "pipeline", ["GET /batchEndpoints/heart"]),
    ],
)
def test_the_target_is_the_named_or_the_default_deployment(
    name: str | None, kind: str | None, reads: list[str]
) -> None:
    """A stated kind saves a request."""
    answers = [ENDPOINT, {"properties": {}}][: len(reads)]
    asked, target = walk(flows.target(SITE, "heart", name, kind), *answers)
    assert paths(asked) == reads
    assert target == flows.Target(SCORING, name or "blue", kind or "model")


def test_an_endpoint_without_default_needs_a_name() -> None:
    """Nothing is guessed among its deployments."""
    bare = {"properties": {"scoringUri": SCORING, "defaults": None}}
    with pytest.raises(PermanentError, match="no default deployment"):
        walk(flows.target(SITE, "heart", None, None), bare)


@pytest.mark.parametrize("deployment", [None, "blue"])
def test_the_post_is_sent_once_with_the_sdks_headers(deployment: str | None) -> None:
    """The deployment's header stands only where the caller named one."""
    flow = flows.invoke(TARGET, {"properties": {}}, deployment_name=deployment, invocation_id="i")
    (request,), view = walk(flow, Response(201, {}, JOB))
    named = {"azureml-model-deployment": "blue"} if deployment else {}
    assert request.headers == {"repeatability_request-id": "i", **named}
    assert (request.method, request.url, request.audience) == ("POST", SCORING, ML)
    assert not request.repeatable
    assert view.name == "job-1"


def answered(status: int, body: Any = None) -> None:
    """Walk the invoke to this answer."""
    flow = flows.invoke(TARGET, {}, deployment_name=None, invocation_id="i")
    walk(flow, Response(status, {"retry-after": "9"}, body))


@pytest.mark.parametrize(
    ("status", "body"),
    [(s, None) for s in (408, 425, 500, 502, 503, 504, 520, 200, 201, 202, 204)]
    + [(201, "<html>"), (201, {"name": ""}), (200, {"properties": {}})]
    + [(201, {"name": "j", "properties": {"interactionEndpoints": ["x"]}})],
)
def test_an_answer_that_may_hide_a_job_is_lost(status: int, body: object) -> None:
    """Troubles after the request was read, and good answers that name no job."""
    with pytest.raises(AnswerLostError) as caught:
        answered(status, body)
    assert caught.value.status == status


def test_throttling_has_not_run() -> None:
    """429 is answered before any work: it may be repeated after its delay."""
    with pytest.raises(TransientError) as caught:
        answered(429)
    assert not isinstance(caught.value, AnswerLostError)
    assert caught.value.retry_after == 9


@pytest.mark.parametrize("status", [307, 400, 401, 403, 404, 409, 422, 424, 501])
def test_a_refusal_made_no_job(status: int) -> None:
    """The service said no."""
    with pytest.raises(PermanentError, match="blue"):
        answered(status)


def test_a_job_is_one_read_and_an_odd_page_decides_nothing() -> None:
    """A poll that cannot be read is waited out (D6)."""
    asked, view = walk(flows.job(SITE, "job-1"), JOB)
    assert paths(asked) == ["GET /jobs/job-1"]
    assert view.status == "Running"
    for body in ("<html>", {"properties": {}}, {"name": "j", "properties": ["x"]}):
        with pytest.raises(TransientError):
            walk(flows.job(SITE, "job-1"), body)


@pytest.mark.parametrize(
    ("status", "accepted"), [(200, True), (202, True), (400, False), (409, False)]
)
def test_a_cancel_is_asked_once(status: int, accepted: bool) -> None:
    """A job that had ended cannot be cancelled, and that is no error."""
    (request,), said = walk(flows.cancel(SITE, "j"), Response(status, {}, None))
    assert (request.method, request.repeatable, said) == ("POST", False, accepted)
    assert "/jobs/j/cancel?" in request.url


def test_a_cancel_may_be_refused() -> None:
    """A missing role is an error."""
    with pytest.raises(PermanentError, match="cancelling job 'j'"):
        walk(flows.cancel(SITE, "j"), Response(403, {}, None))


def test_every_page_of_a_list_is_read() -> None:
    """``nextLink`` is followed as it stands, and an empty page does not end the list."""
    following = f"{WS}/batchEndpoints?$skip=1"
    pages = [{"value": [{"name": "a"}], "nextLink": following}, {"nextLink": following}]
    asked, found = walk(flows.endpoints(SITE), *pages, {"value": [{"name": "b"}]})
    assert [item["name"] for item in found] == ["a", "b"]
    assert [request.url for request in asked[1:]] == [following] * 2
    asked, _ = walk(flows.deployments(SITE, "heart"), {"value": []})
    assert paths(asked) == ["GET /batchEndpoints/heart/deployments"]


def test_a_next_page_on_another_host_is_refused() -> None:
    """The token does not follow the service's word to a stranger."""
    with pytest.raises(PermanentError, match="evil"):
        walk(flows.endpoints(SITE), {"nextLink": "https://evil.com/jobs"})


def test_a_list_without_end_is_an_error() -> None:
    """A look-up that was not read whole must not conclude 'not there'."""
    page = {"value": [{"name": "a"}], "nextLink": f"{WS}/jobs?$skip=1"}
    with pytest.raises(PermanentError, match="more than 1000 pages"):
        walk(flows.endpoints(SITE), *[page] * flows.MAX_PAGES)


@pytest.mark.parametrize(
    ("properties", "ours"),
    [
        ({"description": "Pipeline submission for endpoint: heart, deployment: blue."}, True),
        ({"description": "Pipeline submission for endpoint: heart-2, deployment: blue."}, False),
        (
            {
                "description": "Pipeline submission for endpoint: other, deployment: blue.",
                "experimentName": "heart",
            },
            False,
        ),
        ({"experimentName": "heart"}, True),
        ({"experimentName": "mine", "tags": {"azureml.deploymentname": "blue"}}, True),
        ({"description": "Airflow d / r / t", "tags": {"airflow_invocation": "i"}}, True),
        ({"experimentName": "training", "tags": {"team": "risk"}}, False),
        (None, False),
    ],
)
def test_a_job_list_leaves_out_only_what_is_surely_anothers(properties: Any, ours: bool) -> None:
    """Experiment and description may be the caller's; a missed job would be started again."""
    (request, *_), found = walk(
        flows.jobs(SITE, "heart"), {"value": [{"name": "j", "properties": properties}]}
    )
    assert "listViewType=All&jobType=Pipeline" in request.url
    assert [job["name"] for job in found] == (["j"] if ours else [])


def test_the_regions_api_is_discovered() -> None:
    """The discovery page is read without a token, and both URLs must be the cloud's own."""
    discovery = "https://westeurope.api.azureml.ms/discovery"
    answers = [{"properties": {"discoveryUrl": discovery}}, {"api": "https://we.api.azureml.ms"}]
    asked, api = walk(flows.api_host(SITE), *answers)
    assert asked[1] == Request("GET", discovery, ANONYMOUS)
    assert api == "https://we.api.azureml.ms"
    with pytest.raises(PermanentError, match=re.escape("https://evil.com")):
        walk(flows.api_host(SITE), answers[0], {"api": "https://evil.com"})


@pytest.mark.parametrize("cut", ['{"value": [{"na', "<html>sign in</html>", None, [1]])
def test_a_read_that_is_cut_off_is_read_again(cut: object) -> None:
    """Twice; what is still no object then passes for the caller's next look."""
    flow = read_object(Request("GET", "https://x", ARM), "listing jobs")
    first = next(flow)
    assert flow.send(Response(200, {}, cut)) == first
    assert flow.send(Response(200, {}, cut)) == first
    with pytest.raises(StopIteration) as done:
        flow.send(Response(200, {}, {"value": []}))
    assert done.value.value == {"value": []}


def test_a_read_that_stays_cut_off_is_transient() -> None:
    """Three reads, and no more."""
    flow = read_object(Request("GET", "https://x", ARM), "listing jobs")
    next(flow)
    for _ in range(2):
        flow.send(Response(200, {}, "{"))
    with pytest.raises(TransientError, match="without a JSON object"):
        flow.send(Response(200, {}, "{"))


def test_a_refusal_is_not_read_again() -> None:
    """Only a success without an object is."""
    flow = read_object(Request("GET", "https://x", ARM), "reading job 'j'")
    next(flow)
    with pytest.raises(PermanentError):
        flow.send(Response(404, {}, "not here"))
