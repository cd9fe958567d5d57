"""What run history is asked about a failure, walked by hand."""

from __future__ import annotations

import pytest
from core.service.test_flows import SITE, walk

from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.core.service import failure_flows as flows
from airflow_provider_fabml.core.service.http import ANONYMOUS, ARM, Response

API = "https://we.api.azureml.ms/"
CHILDREN = f"{API}history/v1.0{SITE.workspace.path}/runs/j/children?api-version=v1.0"


def test_the_jobs_own_run() -> None:
    """One POST through run history; the metadata, or None."""
    (asked,), run = walk(flows.run_of(SITE, API, "j"), {"runMetadata": {"runId": "j"}})
    assert asked.body == {"runId": "j", "selectRunMetadata": True}
    assert asked.url.startswith("https://we.api.azureml.ms/history/v1.0/subscriptions/sub/")
    assert run == {"runId": "j"}
    assert walk(flows.run_of(SITE, API, "j"), {})[1] is None


def test_every_page_of_child_runs_is_read() -> None:
    """Tokens and links are followed; a page without runs does not end the list."""
    link = f"{CHILDREN}&page=3"
    pages = [{"value": [1], "continuationToken": "a/b=="}, {"value": None, "nextLink": link}]
    asked, found = walk(flows.children_of(SITE, API, "j"), *pages, {"value": [2]})
    assert found == [1, 2]
    assert [request.url for request in asked] == [
        CHILDREN,
        f"{CHILDREN}&$continuationtoken=a%2Fb%3D%3D",
        link,
    ]
    assert {request.audience for request in asked} == {ARM}


def test_pages_without_end_give_what_was_read() -> None:
    """An explanation is no look-up: much is enough."""
    page = {"value": [1], "continuationToken": "t"}
    asked, found = walk(flows.children_of(SITE, API, "j"), *[page] * flows.MAX_PAGES)
    assert len(asked) == len(found) == flows.MAX_PAGES


def test_a_page_elsewhere_gets_no_token() -> None:
    """Run history's link is the service's word, too."""
    with pytest.raises(PermanentError, match="no token was sent"):
        walk(flows.children_of(SITE, API, "j"), {"nextLink": "https://evil.com/x"})


def test_a_log_is_asked_for_without_a_token() -> None:
    """Its address is signed; only its beginning is asked for."""
    (asked,), text = walk(flows.log_text("https://a.blob/x?sig=1"), Response(206, {}, "text"))
    assert (asked.audience, asked.headers) == (ANONYMOUS, {"Range": "bytes=0-65535"})
    assert text == "text"
    with pytest.raises(TransientError):
        walk(flows.log_text("https://a.blob/x"), Response(503, {}, None))


def test_the_names_of_logs() -> None:
    """From the run's details."""
    (asked,), files = walk(flows.log_files_of(SITE, API, "r"), {"logFiles": {"a": "b"}})
    assert "/runs/r/details?" in asked.url
    assert files == {"a": "b"}
