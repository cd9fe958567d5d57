"""What nobody knows about the service: each position shows alike in every face of a job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emulator.test_invocations import COMPONENT, DATA, FOLDER, pages

SHORT = "azureml://datastores/data/paths/out/p.csv"
LONG = (
    "azureml://subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/trusted-ml"
    "/workspaces/trusted-ml/datastores/data/paths/out/p.csv"
)
MODEL = {"inputData": FOLDER, "outputData": {"o": {"jobOutputType": "UriFile", "uri": SHORT}}}
STEPS = {"inputData": DATA, "outputData": {"scores": {"jobOutputType": "UriFolder", "uri": SHORT}}}
KINDS = pytest.mark.parametrize(
    ("endpoint", "job"), [("scorer", MODEL), ("flow", STEPS)], ids=["model", "component"]
)


@pytest.fixture
def client(serve):
    """Jobs stay where they are; a component endpoint stands beside the scorer."""
    return serve(clock="manual", also=[COMPONENT])


def faces(client, endpoint: str, answer: Any) -> dict[str, Any]:
    """Return all that can be read about a job, by where it was read."""
    name, scoring = answer["name"], f"/endpoints/{endpoint}/jobs"
    front = f"/mferp/managementfrontend{client.ws}/batchEndpoints/{endpoint}/jobs"
    return {
        "invocation": answer,
        "data": client.ask("GET", f"{scoring}/{name}").json(),
        "data list": one(client, scoring, name),
        "front end list": one(client, front, name),
        "arm": client.ask("GET", f"{client.ws}/jobs/{name}").json(),
        "arm list": one(client, f"{client.ws}/jobs?jobType=Pipeline", name),
        "run history": client.run_data(name),
    }


def one(client, path: str, name: str) -> Any:
    """Return a job's entry in a list."""
    return next(job for job in client.ask("GET", path).json()["value"] if job["name"] == name)


def showing(found: dict[str, Any], text: str) -> set[str]:
    """Return the faces in which a text stands."""
    return {where for where, face in found.items() if text in json.dumps(face)}


@KINDS
@pytest.mark.parametrize(("position", "kept"), [("no", None), ("yes", SHORT), ("long_form", LONG)])
def test_the_output_uri_is_kept_in_every_face_or_in_none(client, endpoint, job, position, kept):
    """As sent, long, or nowhere; run history has it for model deployments only (parameters)."""
    client.emulator.control.set_switches(keeps_output_uri=position)
    answer = client.invoke(job, endpoint).json()
    client.emulator.control.set_switches(keeps_output_uri="yes")  # what was dropped stays dropped
    found = faces(client, endpoint, answer)
    everywhere = set(found) - ({"run history"} if endpoint == "flow" else set())
    for uri in (SHORT, LONG):
        assert showing(found, uri) == (everywhere if uri == kept else set())


@KINDS
@pytest.mark.parametrize("stored", [True, False])
def test_tags_and_description_are_stored_or_dropped_everywhere(client, endpoint, job, stored):
    """In every face alike, and for the filter of ARM's list."""
    client.emulator.control.set_switches(stores_tags=stored, stores_description=stored)
    asked = job | {"tags": {"run": "tag-7d31"}, "description": "text-9c02"}
    found = faces(client, endpoint, client.invoke(asked, endpoint).json())
    assert showing(found, "tag-7d31") == (set(found) if stored else set())
    assert showing(found, "text-9c02") == (set(found) if stored else set())
    filtered = list(pages(client, f"{client.ws}/jobs?tag=run=tag-7d31"))
    assert filtered == ([found["arm"]["name"]] if stored else [])


@KINDS
@pytest.mark.parametrize("position", ["no", "display_name", "job_name"])
def test_the_name_is_honoured_everywhere_or_nowhere(client, endpoint, job, position):
    """Dropped, shown as display name in every face, or the job's own name."""
    client.emulator.control.set_switches(honours_name=position)
    found = faces(client, endpoint, client.invoke(job | {"name": "mine-51ab"}, endpoint).json())
    assert showing(found, "mine-51ab") == (set() if position == "no" else set(found))
    names = {face.get("name") or face["runId"] for face in found.values()}
    assert len(names) == 1
    assert (names == {"mine-51ab"}) is (position == "job_name")


@KINDS
@pytest.mark.parametrize("honoured", [True, False])
def test_a_repeated_request_id_shows_one_job_or_two_in_lists(client, endpoint, job, honoured):
    """For both kinds; another id is another job always."""
    client.emulator.control.set_switches(honours_request_id=honoured)
    for request_id in ("same", "same", "other"):
        client.invoke(job, endpoint, headers={"repeatability_request-id": request_id})
    for path in (f"/endpoints/{endpoint}/jobs", f"{client.ws}/jobs"):
        assert len(list(pages(client, path))) == (2 if honoured else 3)


@KINDS
def test_a_new_job_can_be_missing_from_lists(client, endpoint, job):
    """Lists of both planes show it when its seconds have passed; by name it is there at once."""
    client.emulator.control.set_switches(listed_after_seconds=30)
    name = client.invoke(job, endpoint).json()["name"]
    lists = (f"/endpoints/{endpoint}/jobs", f"{client.ws}/jobs")
    assert [list(pages(client, path)) for path in lists] == [[], []]
    assert client.ask("GET", f"{client.ws}/jobs/{name}").status_code == 200
    client.emulator.control.advance_clock(29)
    assert list(pages(client, lists[0])) == []
    client.emulator.control.advance_clock(1)
    assert [list(pages(client, path)) for path in lists] == [[name], [name]]


@KINDS
def test_a_new_job_can_be_unreadable_by_name(client, endpoint, job):
    """404 on both planes, in run history and for a cancellation; lists show it all the same."""
    client.emulator.control.set_switches(readable_after_seconds=30)
    name = client.invoke(job, endpoint).json()["name"]
    arm = f"{client.ws}/jobs/{name}"
    asked = [
        ("GET", arm),
        ("GET", f"/endpoints/{endpoint}/jobs/{name}"),
        ("GET", f"{client.history}/runs/{name}"),
        ("POST", f"{arm}/cancel"),
    ]
    assert [client.ask(*one).status_code for one in asked] == [404] * 4
    assert list(pages(client, f"{client.ws}/jobs")) == [name]
    client.emulator.control.advance_clock(30)
    assert [client.ask(*one).status_code for one in asked] == [200, 200, 200, 202]


def test_a_random_order_is_neither_end_first_and_has_every_job_once(client):
    """Twelve jobs in pages of five: another order than by age, the same each time."""
    client.emulator.control.set_switches(list_order="random", page_size=5)
    names = [client.invoke(MODEL).json()["name"] for _ in range(12)]
    listed = [list(pages(client, f"{client.ws}/jobs")) for _ in range(2)]
    assert sorted(listed[0]) == sorted(names)
    assert listed[0] == listed[1]
    assert listed[0] not in (names, names[::-1])


@pytest.mark.parametrize("state", ["Succeeded", "Creating", "Updating", "Failed"])
def test_an_endpoint_has_a_scoring_uri_once_it_succeeded(client, state):
    """In the endpoint and in the list of endpoints."""
    client.emulator.control.set_switches(endpoint_state=state)
    place = f"{client.ws}/batchEndpoints"
    alone = client.ask("GET", f"{place}/scorer").json()["properties"]
    listed = client.ask("GET", place).json()["value"][0]["properties"]
    for shown in (alone, listed):
        assert shown["provisioningState"] == state
        assert (shown["scoringUri"] is not None) is (state == "Succeeded")
