"""How the service is spoken to: one flow per question or command (see ``http``).

Addresses and bodies: Microsoft's Resource Manager and data-plane specifications
(``2020-09-01-dataplanepreview`` for jobs, run history ``v1.0``) and the recordings named below.
Every flow raises ``TransientError`` or ``PermanentError``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.errors import AnswerLostError, PermanentError, TransientError
from airflow_provider_fabml.core.jobs.job import JobView
from airflow_provider_fabml.core.jobs.look_up import invocation_tag
from airflow_provider_fabml.core.scoring.kind_rules import kind_of
from airflow_provider_fabml.core.service.answers import expect, expect_object
from airflow_provider_fabml.core.service.challenge import claims_of
from airflow_provider_fabml.core.service.cloud import Cloud, api_url, scoring_url
from airflow_provider_fabml.core.service.http import ANONYMOUS, ARM, ML, Flow, Request, Response
from airflow_provider_fabml.core.service.reads import read_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_provider_fabml.core.service.workspace import Workspace

MAX_PAGES = 1000
# The service's own description of a batch job (recording ``job_get_running_2023-03``).
_SUBMISSION = re.compile(
    r"Pipeline submission for endpoint: (?P<endpoint>[^,]+), deployment: [^,]+\."
)


class Site(NamedTuple):
    """Where a flow runs: one workspace in one cloud."""

    workspace: Workspace
    cloud: Cloud

    def url(self, *segments: str, query: str = "") -> str:
        """The Resource Manager URL of something in the workspace."""
        return self.workspace.arm_url(self.cloud.resource_manager, *segments, query=query)

    def get(self, *segments: str, query: str = "") -> Request:
        """A read through the Resource Manager."""
        return Request("GET", self.url(*segments, query=query), ARM)


class Target(NamedTuple):
    """The deployment an invocation will reach."""

    scoring_url: str
    deployment_name: str
    kind: str


def workspace(site: Site) -> Flow[dict[str, Any]]:
    """The workspace resource."""
    what = f"reading workspace {site.workspace.name!r}"
    return (yield from read_object(site.get(), what))


def endpoint(site: Site, name: str) -> Flow[dict[str, Any]]:
    """The endpoint resource."""
    what = f"reading endpoint {name!r}"
    return (yield from read_object(site.get("batchEndpoints", name), what))


def endpoints(site: Site) -> Flow[list[dict[str, Any]]]:
    """All batch endpoints of the workspace."""
    return (yield from _pages(site, site.get("batchEndpoints"), "listing endpoints"))


def deployments(site: Site, endpoint_name: str) -> Flow[list[dict[str, Any]]]:
    """All deployments of an endpoint."""
    first = site.get("batchEndpoints", endpoint_name, "deployments")
    return (yield from _pages(site, first, f"listing the deployments of {endpoint_name!r}"))


def datastore(site: Site, name: str) -> Flow[dict[str, Any]]:
    """The datastore resource (account, container; never its secrets)."""
    what = f"reading datastore {name!r}"
    return (yield from read_object(site.get("datastores", name), what))


def target(
    site: Site, endpoint_name: str, deployment_name: str | None, kind: str | None
) -> Flow[Target]:
    """The deployment that will run, and its kind.

    The default deployment's name stands only in the endpoint, the kind only in the deployment
    (recordings ``batch_endpoint_get_2023-03``, ``invoke_pipeline_component_2022-12``). One request
    is saved where the caller states the kind.
    """
    properties = (yield from endpoint(site, endpoint_name)).get("properties") or {}
    url = scoring_url(properties.get("scoringUri"), endpoint_name, site.cloud)
    default = (properties.get("defaults") or {}).get("deploymentName")
    chosen = deployment_name or default
    if not chosen:
        raise PermanentError(
            f"endpoint {endpoint_name!r} has no default deployment",
            remedy="name one with deployment_name=, or set the endpoint's default",
        )
    if kind is None:
        deployment = site.get("batchEndpoints", endpoint_name, "deployments", chosen)
        what = f"reading deployment {chosen!r} of endpoint {endpoint_name!r}"
        kind = kind_of((yield from read_object(deployment, what)))
    return Target(url, chosen, kind)


def invoke(
    to: Target,
    body: Mapping[str, Any],
    *,
    deployment_name: str | None,
    invocation_id: str,
    seconds: float | None = None,
    not_after: datetime | None = None,
) -> Flow[JobView]:
    """The one job-creating POST (D1). Never sent twice by this flow or below it.

    It is not sent after ``not_after``, and its answer is waited for ``seconds`` at most. Raises
    ``AnswerLostError`` when a job may exist although no answer tells its name.
    The header names are the SDK's (azure-ai-ml 1.35.2 ``EndpointInvokeFields``).
    """
    headers = {"repeatability_request-id": invocation_id}
    if deployment_name:
        headers["azureml-model-deployment"] = deployment_name
    request = Request("POST", to.scoring_url, ML, dict(body), headers, repeatable=False)
    request = request._replace(seconds=seconds, not_after=not_after)
    response = yield request
    what = f"invoking deployment {to.deployment_name!r}"
    if response.status == 429:
        expect(response, what)
    if claims_of(response) is not None:
        raise TransientError(f"{what}: the service asks for a new token", status=401)
    try:
        return _view(response, what, *range(200, 300))
    except TransientError as error:
        raise AnswerLostError(error.what, status=error.status) from error


def job(site: Site, name: str) -> Flow[JobView]:
    """One job: a single read through the Resource Manager (recording ``job_get_running_2023-03``)."""
    return _view((yield site.get("jobs", name)), f"reading job {name!r}")


def job_resource(site: Site, name: str) -> Flow[dict[str, Any]]:
    """One job's whole resource: it may tell what the list of jobs leaves out."""
    return (yield from read_object(site.get("jobs", name), f"reading job {name!r}"))


def _view(response: Response, what: str, *allowed: int) -> JobView:
    body = expect_object(response, what, *allowed)
    try:
        return JobView.from_body(body)
    except (TypeError, AttributeError, ValueError) as error:
        raise TransientError(
            f"{what}: HTTP {response.status} without a readable job", status=response.status
        ) from error


def cancel(site: Site, name: str) -> Flow[bool]:
    """Ask for the job's cancellation; do not wait for it. True when the service accepted.

    What the service answers for a job that has already ended is unknown (switch `cancel_finished_job`), so a
    conflict is not an error.
    """
    request = Request("POST", site.url("jobs", name, "cancel"), ARM, None, {}, repeatable=False)
    response = yield request
    if claims_of(response) is not None:  # refused, so not done: once more with the new token
        response = yield request
    if response.status in {400, 409}:
        return False
    expect(response, f"cancelling job {name!r}", 200, 202)
    return True


def jobs(site: Site, endpoint_name: str) -> Flow[list[dict[str, Any]]]:
    """All pipeline jobs of the workspace that may belong to the endpoint, in unknown order.

    The Resource Manager's list has no filter by endpoint or time. A batch job's experiment is named
    after its endpoint unless the caller named another, and its description names the endpoint unless
    the service took the caller's. So only a batch job that names another endpoint is left out: a
    look-up that misses our own job would start a second one.
    """
    query = "listViewType=All&jobType=Pipeline"
    every = yield from _pages(site, site.get("jobs", query=query), "listing jobs")
    return [item for item in every if _belongs(item, endpoint_name)]


def _belongs(item: Mapping[str, Any], endpoint_name: str) -> bool:
    properties = item.get("properties") or {}
    named = _SUBMISSION.fullmatch(str(properties.get("description") or ""))
    if named:
        return named["endpoint"].casefold() == endpoint_name.casefold()
    batch = "azureml.deploymentname" in (properties.get("tags") or {})
    return batch or bool(invocation_tag(item)) or properties.get("experimentName") == endpoint_name


def api_host(site: Site) -> Flow[str]:
    """The region's service API, from the workspace's discovery URL."""
    properties = (yield from workspace(site)).get("properties") or {}
    url = api_url(properties.get("discoveryUrl"), site.cloud)
    discovery = Request("GET", url, ANONYMOUS)
    answer = yield from read_object(discovery, "reading service discovery")
    return api_url(answer.get("api"), site.cloud)


def _pages(site: Site, first: Request, what: str) -> Flow[list[dict[str, Any]]]:
    items: list[dict[str, Any]] = []
    request = first
    for _ in range(MAX_PAGES):
        body = yield from read_object(request, what)
        items.extend(body.get("value") or [])
        following = body.get("nextLink")
        if not following:
            return items
        request = first._replace(url=api_url(following, site.cloud))
    raise PermanentError(f"{what}: more than {MAX_PAGES} pages; the list cannot be read whole")
