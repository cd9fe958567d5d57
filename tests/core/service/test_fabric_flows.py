"""What is asked of Fabric, and what is made of its answers."""

from __future__ import annotations

from typing import Any

import pytest
from support.fabric import FAR, LAKE, OTHER, WORKSPACE, adls

from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.core.service import fabric_flows
from airflow_provider_fabml.core.service.http import FABRIC, Flow, Request, Response
from airflow_provider_fabml.core.storage.shortcuts.item_path import ItemPath, Lakehouse

API = "https://api.fabric.microsoft.com"
RAW = Lakehouse(WORKSPACE, LAKE)
LIST = f"{API}/v1/workspaces/{WORKSPACE}/items/{LAKE}/shortcuts"
DENIED = {
    "requestId": "r",
    "errorCode": "InsufficientPrivileges",
    "message": "no",
    "moreDetails": [],
}


def walk(flow: Flow[Any], *answers: Any) -> tuple[list[str], Any]:
    """Send the answers one by one; give the URLs asked and what the flow returned."""
    asked: list[Request] = [next(flow)]
    for answer in answers:
        try:
            asked.append(
                flow.send(answer if isinstance(answer, Response) else Response(200, {}, answer))
            )
        except StopIteration as stop:
            assert {(one.method, one.audience) for one in asked} == {("GET", FABRIC)}
            return [one.url for one in asked], stop.value
    raise AssertionError(f"the flow asks on: {asked[-1].url}")


def test_pages_are_followed_by_their_token() -> None:
    """Whatever stands in the token is escaped, an empty page is one like others, the URI is not used."""
    asked, found = walk(
        fabric_flows.shortcuts(API, RAW),
        {"value": [adls("Files/a", "/c")], "continuationToken": "t&=/+"},
        {"value": [], "continuationToken": "u", "continuationUri": "https://evil.test"},
        {"value": [adls("Files/b", "/c")], "continuationToken": None},
    )
    assert asked == [LIST, f"{LIST}?continuationToken=t%26%3D%2F%2B", f"{LIST}?continuationToken=u"]
    assert [one.path for one in found] == ["Files/a", "Files/b"]


def test_a_list_without_end_is_given_up() -> None:
    """A token for ever is as good as a list too long to read."""
    page = {"value": [], "continuationToken": "again"}
    asked, found = walk(fabric_flows.shortcuts(API, RAW), *[page] * fabric_flows.MAX_PAGES)
    assert (len(asked), found) == (fabric_flows.MAX_PAGES, None)


def test_a_shortcut_is_asked_for_from_the_top() -> None:
    """Names are escaped; the first that is there is taken, and its path is what Fabric says."""
    missing = Response(404, {}, {"errorCode": "EntityNotFound", "message": "none"})
    asked, found = walk(
        fabric_flows.shortcut_at(API, ItemPath(RAW, "Files/a b/c?/d")),
        missing,
        adls("Files/a b/c?", "/c"),
    )
    assert asked == [f"{LIST}/Files/a%20b", f"{LIST}/Files/a%20b/c%3F"]
    assert found.path == "Files/a b/c?"


@pytest.mark.parametrize("body", ["<html>", [], {"value": 5}, {"value": [5, None]}, {}])
def test_an_odd_list_is_no_crash(body: Any) -> None:
    """A page of a proxy is read again and then transient; records that are none are passed over."""
    if not isinstance(body, dict):
        with pytest.raises(TransientError):
            walk(fabric_flows.shortcuts(API, RAW), *[body] * 3)
    else:
        assert walk(fabric_flows.shortcuts(API, RAW), body)[1] == ()


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "tenant setting"), (403, "Viewer"), (404, "names or ids")]
)
def test_a_refusal_is_permanent_with_fabrics_words_and_our_remedy(status: int, remedy: str) -> None:
    """Not the roles of Azure ML: those help nobody here."""
    with pytest.raises(PermanentError, match="InsufficientPrivileges: no") as refused:
        walk(fabric_flows.shortcuts(API, RAW), Response(status, {}, DENIED))
    assert remedy in str(refused.value)
    assert "AzureML" not in str(refused.value)


def test_names_are_looked_up_by_type() -> None:
    """GUIDs need no look-up; names are asked for page by page."""
    with pytest.raises(StopIteration) as at_once:
        next(fabric_flows.ids_of(API, RAW))
    assert at_once.value.value == RAW
    asked, found = walk(
        fabric_flows.ids_of(API, Lakehouse("Far away", "Deep.lakehouse")),
        {"value": [{"id": WORKSPACE, "displayName": "Sales"}], "continuationToken": "t"},
        {"value": [{"id": OTHER, "displayName": "Far away"}]},
        {
            "value": [
                {"id": LAKE, "displayName": "Deep", "type": "SQLEndpoint"},
                {"id": FAR, "displayName": "Deep", "type": "Lakehouse"},
            ]
        },
    )
    assert asked == [
        f"{API}/v1/workspaces",
        f"{API}/v1/workspaces?continuationToken=t",
        f"{API}/v1/workspaces/{OTHER}/items?type=lakehouse",
    ]
    assert found == Lakehouse(OTHER, FAR)


@pytest.mark.parametrize(
    "workspaces",
    [[], [{"id": WORKSPACE, "displayName": "S"}] * 2, [{"id": "../x", "displayName": "S"}], [5]],
)
def test_a_name_that_is_not_one_thing_is_refused(workspaces: list[Any]) -> None:
    """None, two, or one whose id is no id and must not stand in a URL."""
    with pytest.raises(PermanentError, match="of the name 'S'"):
        walk(fabric_flows.ids_of(API, Lakehouse("S", "Raw.Lakehouse")), {"value": workspaces})
