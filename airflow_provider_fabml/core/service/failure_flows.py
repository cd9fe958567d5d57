"""What run history is asked about a job that failed; each flow for itself, so that one may fail.

The job resource has no error text; a model deployment's real cause is in its child run ``batchscoring``
(recording ``history_children_and_rundata_batchscoring_2022-11``), often only in that run's logs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_fabml.core.service.answers import expect, expect_object
from airflow_provider_fabml.core.service.cloud import api_url
from airflow_provider_fabml.core.service.http import ANONYMOUS, ARM, Flow, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fabml.core.service.flows import Site

# A pipeline with more steps than these pages hold is told about from those.
MAX_PAGES = 100
LOG_BYTES = 65536


def run_of(site: Site, api: str, job_name: str) -> Flow[Any]:
    """The metadata of the job's own run."""
    body = {"runId": job_name, "selectRunMetadata": True}
    answer = yield Request("POST", site.workspace.history_url(api, "rundata"), ARM, body)
    return expect_object(answer, f"reading the run of job {job_name!r}").get("runMetadata")


def children_of(site: Site, api: str, run_id: str) -> Flow[list[Any]]:
    """All child runs of a run, from every page.

    Pages go on with ``nextLink`` or ``continuationToken`` (run history's specification,
    ``PaginatedRunDto``; query ``$continuationtoken``).
    """
    first = site.workspace.history_url(api, "runs", run_id, "children")
    url, found = first, list[Any]()
    for _ in range(MAX_PAGES):
        answer = yield Request("GET", url, ARM)
        body = expect_object(answer, f"reading the child runs of {run_id!r}")
        page = body.get("value")
        found.extend(page if isinstance(page, list) else [])
        following = _following(first, body, site)
        if following is None:
            break
        url = following
    return found


def _following(first: str, body: Mapping[str, Any], site: Site) -> str | None:
    if link := body.get("nextLink"):
        return api_url(link, site.cloud)
    token = body.get("continuationToken")
    return f"{first}&$continuationtoken={quote(str(token), safe='')}" if token else None


def log_files_of(site: Site, api: str, run_id: str) -> Flow[Any]:
    """The addresses of a run's logs by name; they are signed, so nobody else's eyes are for them."""
    answer = yield Request("GET", site.workspace.history_url(api, "runs", run_id, "details"), ARM)
    return expect_object(answer, f"reading the details of run {run_id!r}").get("logFiles")


def log_text(url: str) -> Flow[Any]:
    """The beginning of a log. Its address is signed: the request carries no token."""
    end = {"Range": f"bytes=0-{LOG_BYTES - 1}"}
    answer = yield Request("GET", url, ANONYMOUS, headers=end)
    return expect(answer, "reading a log", 200, 206)
