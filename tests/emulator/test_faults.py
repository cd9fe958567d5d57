"""Faults on request: before the work, after it, or by cutting the connection."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_fabml.emulator import ControlError

FOLDER = {"i": {"jobInputType": "UriFolder", "uri": "azureml://datastores/data/paths/in"}}


@pytest.fixture
def client(serve):
    """An emulator whose jobs stay where they are."""
    return serve(clock="manual")


@pytest.mark.parametrize(("when", "jobs"), [("before", 0), ("after", 1)])
def test_an_error_answer_may_hide_work_that_was_done(client, when, jobs):
    """A 503 before the work leaves no job, one after it leaves a job nobody heard of."""
    client.emulator.control.add_fault(method="POST", status=503, when=when, retry_after="7")
    answer = client.invoke({"inputData": FOLDER})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert len(client.emulator.control.jobs()) == jobs
    assert client.invoke({"inputData": FOLDER}).status_code == 201


@pytest.mark.parametrize(("when", "jobs"), [("before", 0), ("after", 1)])
def test_a_connection_is_cut(client, when, jobs):
    """The caller sees a connection error; after the work the job is there all the same."""
    client.emulator.control.add_fault(path="/jobs$", drop=True, when=when)
    with pytest.raises(requests.ConnectionError):
        client.invoke({"inputData": FOLDER})
    assert len(client.emulator.control.jobs()) == jobs


def test_a_fault_hits_only_the_requests_it_is_meant_for(client):
    """Method and path choose; ``skip`` and ``times`` count."""
    client.emulator.control.add_fault(
        method="GET", path="/batchEndpoints$", status=500, skip=1, times=2
    )
    statuses = [client.ask("GET", f"{client.ws}/batchEndpoints").status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert client.emulator.control.faults() == []


def test_an_answer_can_be_late(client):
    """A delay alone changes nothing but the time."""
    client.emulator.control.add_fault(delay=0.3)
    answer = client.ask("GET", client.ws)
    assert (answer.status_code, answer.elapsed.total_seconds() >= 0.3) == (200, True)


@pytest.mark.parametrize(
    "fault", [{}, {"status": 200}, {"status": 503, "drop": True}, {"path": "("}]
)
def test_a_fault_that_makes_no_sense_is_refused(client, fault):
    """Nothing to do, a success, two things at once, a broken expression."""
    with pytest.raises(ControlError):
        client.emulator.control.add_fault(**fault)


def test_the_control_api_speaks_http(client):
    """Switches, faults, jobs, states and the request log are at hand without Python."""

    def control(method: str, path: str, body=None) -> requests.Response:
        return requests.request(
            method, f"{client.emulator.url}/_emulator{path}", json=body, timeout=9,
            verify=str(client.emulator.ca_bundle),
        )  # fmt: skip

    assert control("PATCH", "/switches", {"page_size": 2}).json()["page_size"] == 2
    refused = control("PATCH", "/switches", {"page_size": 0})
    assert (refused.status_code, "page_size=0" in refused.json()["error"]) == (400, True)
    assert control("PATCH", "/switches", {"nonsense": 1}).status_code == 400
    control("POST", "/faults", {"status": 500, "path": "/discovery"})
    assert control("GET", "/faults").json()[0]["status"] == 500
    control("DELETE", "/faults")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    assert control("POST", f"/jobs/{name}/advance").json() == "Queued"
    assert control("POST", f"/jobs/{name}/state", {"state": "Failed"}).json() == "Failed"
    assert [job["name"] for job in control("GET", "/jobs").json()] == [name]
    assert [entry["method"] for entry in control("GET", "/requests").json()] == ["POST"]
    assert control("GET", "/jobs/none").status_code == 400
