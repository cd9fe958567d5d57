"""Each kind of fault as a client sees it that neither repeats nor repairs anything."""

from __future__ import annotations

import http.client
import json
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from emulator.wire import Seen, ask

from airflow_provider_fabml.emulator import ControlError
from airflow_provider_fabml.emulator.errors import DENIED_BY_POLICY
from airflow_provider_fabml.emulator.faults import KINDS
from airflow_provider_fabml.emulator.tokens import ARM_AUDIENCE, ML_AUDIENCE

FOLDER = {"i": {"jobInputType": "UriFolder", "uri": "azureml://datastores/data/paths/in"}}
BODY = {"properties": {"inputData": FOLDER}}
STATUSES = [f"{status}_{when}" for status in (500, 502, 503, 504) for when in ("before", "after")]
LOST = {
    "closed_before": http.client.RemoteDisconnected,
    "lost_answer": http.client.RemoteDisconnected,
    "reset_before": ConnectionResetError,
    "reset_after": ConnectionResetError,
}
THROTTLED = ["429", "429_retry_after", "429_retry_after_date"]


@pytest.fixture
def client(standing):
    """The module's emulator, with no fault and no record of the test before."""
    standing.emulator.control.clear_faults()
    standing.emulator.control.forget_faults_given()
    standing.jobs_before = len(standing.emulator.control.jobs())
    return standing


@pytest.fixture
def fresh(serve):
    """An emulator without jobs."""
    return serve(clock="manual")


def see(client, method: str, path: str, body: Any = None) -> Seen:
    """Send one request with the right token over a connection of its own."""
    token = client.token(ML_AUDIENCE if path.startswith("/endpoints") else ARM_AUDIENCE)
    return ask(method, client.emulator.url + path, token, client.emulator.ca_bundle, body)


def invoke(client) -> Seen:
    """Send the request that makes a job."""
    return see(client, "POST", "/endpoints/scorer/jobs", BODY)


def jobs(client) -> int:
    """Return how many jobs this test has really made."""
    return len(client.emulator.control.jobs()) - client.jobs_before


def made(client) -> str:
    """Make a job and return its name."""
    return str(invoke(client).json()["name"])


def test_every_kind_is_tried_here():
    """A kind that is added is seen on the wire, too."""
    here = {
        *LOST, *STATUSES, *THROTTLED, "slow", "late_work", "truncated_connection", "truncated_json",
        "claims_challenge", "plain_401", "plain_403", "not_responding", "unknown_state",
        "stale_list", "tokens_refused", "tokens_expired", "no_scoring_uri", "foreign_scoring_uri",
        "foreign_next_link", "foreign_location", "redirect",
    }  # fmt: skip
    assert set(KINDS) == here


@pytest.mark.parametrize("kind", STATUSES)
def test_a_server_error_hides_whether_the_work_was_done(client, kind):
    """The answer is the same before and after; the job tells which."""
    client.emulator.control.add_fault(kind=kind, method="POST")
    status, _, when = kind.partition("_")
    seen = invoke(client)
    assert (seen.status, seen.json()["error"]["code"]) == (int(status), "ServiceError")
    assert jobs(client) == (when == "after")
    assert invoke(client).status == 201


@pytest.mark.parametrize(("kind", "error"), LOST.items())
def test_a_connection_ends_without_an_answer(client, kind, error):
    """Closed is an end of file, reset is ``ECONNRESET``; after the work the job is there."""
    client.emulator.control.add_fault(kind=kind, method="POST")
    assert invoke(client) == Seen(broke=error)
    assert jobs(client) == (kind in {"lost_answer", "reset_after"})
    assert invoke(client).status == 201


@pytest.mark.parametrize("kind", THROTTLED)
def test_throttling_says_when_to_come_back_or_does_not(client, kind):
    """No header, seconds, or an HTTP date that lies ahead; nothing was done."""
    client.emulator.control.add_fault(kind=kind)
    before = datetime.now(UTC)
    seen = invoke(client)
    assert (seen.status, jobs(client)) == (429, 0)
    told = seen.headers.get("retry-after")
    if kind == "429_retry_after_date":
        assert 0 < (parsedate_to_datetime(told) - before).total_seconds() < 5
    else:
        assert told == {"429": None, "429_retry_after": "1"}[kind]


def test_a_slow_answer_is_late_and_whole(client):
    """The work is done at once, the answer waits."""
    client.emulator.control.add_fault(kind="slow", delay=0.4)
    start = time.monotonic()
    assert invoke(client).status == 201
    assert time.monotonic() - start >= 0.4


def test_late_work_is_done_although_the_caller_has_left(client):
    """Someone who hangs up early finds no job at first, and one later."""
    client.emulator.control.add_fault(kind="late_work", delay_work=1.0, method="POST")
    url = client.emulator.url + "/endpoints/scorer/jobs"
    token = client.token(ML_AUDIENCE)
    seen = ask("POST", url, token, client.emulator.ca_bundle, BODY, timeout=0.5)
    assert (seen.broke, jobs(client)) == (TimeoutError, 0)
    deadline = time.monotonic() + 5
    while not jobs(client):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_answer_breaks_off_in_the_middle(client):
    """Content-Length promises all of it, half arrives; the job was made."""
    client.emulator.control.add_fault(kind="truncated_connection")
    seen = invoke(client)
    assert (seen.broke, jobs(client)) == (http.client.IncompleteRead, 1)
    assert seen.body.startswith(b'{"id"')
    assert len(seen.body) > 500


def test_an_answer_is_cut_and_claims_to_be_whole(client):
    """The length fits, the JSON does not; the job was made."""
    client.emulator.control.add_fault(kind="truncated_json")
    seen = invoke(client)
    assert (seen.status, len(seen.body), jobs(client)) == (
        201,
        int(seen.headers["content-length"]),
        1,
    )
    with pytest.raises(json.JSONDecodeError):
        seen.json()


@pytest.mark.parametrize(("kind", "status"), [("plain_401", 401), ("plain_403", 403)])
def test_a_denial_is_plain_text(client, kind, status):
    """As the data plane denies: no JSON, no challenge; nothing was done."""
    client.emulator.control.add_fault(kind=kind)
    seen = invoke(client)
    assert (seen.status, seen.body.decode(), jobs(client)) == (status, DENIED_BY_POLICY, 0)
    assert seen.headers["content-type"].startswith("text/plain")
    assert "www-authenticate" not in seen.headers


@pytest.mark.parametrize(
    ("kind", "state"), [("not_responding", "NotResponding"), ("unknown_state", "Scheduled")]
)
def test_a_job_shows_another_state_once(client, kind, state):
    """For one read, on either plane; a job that is over shows the truth."""
    control, name = client.emulator.control, made(client)
    for path in (f"{client.ws}/jobs/{name}", f"/endpoints/scorer/jobs/{name}"):
        control.add_fault(kind=kind)
        shown = [see(client, "GET", path).json()["properties"]["status"] for _ in range(2)]
        assert shown == [state, "Preparing"]
    control.set_state(name, "Completed")
    control.add_fault(kind=kind)
    assert see(client, "GET", path).json()["properties"]["status"] == "Completed"


def test_a_state_is_shown_in_lists_and_run_history_too(fresh):
    """``show_state`` finds job states wherever they stand in an answer."""
    name = made(fresh)
    asked = {"requests": {"k": {"runId": name, "selectRunMetadata": True}}}
    fresh.emulator.control.add_fault(show_state="Odd", times=None)
    listed = see(fresh, "GET", f"{fresh.ws}/jobs").json()["value"][0]
    run = see(fresh, "POST", f"{fresh.history}/batchrundata", asked).json()["successfulResults"]
    assert listed["properties"]["status"] == run["k"]["runMetadata"]["status"] == "Odd"


def test_one_page_of_a_list_is_stale(fresh):
    """The list from before the job was made, once; the job itself can be read meanwhile."""
    old = made(fresh)
    fresh.emulator.control.advance_clock(10)
    new = made(fresh)
    for path in (f"{fresh.ws}/jobs", "/endpoints/scorer/jobs"):
        fresh.emulator.control.add_fault(kind="stale_list")
        lists = [[job["name"] for job in see(fresh, "GET", path).json()["value"]] for _ in range(2)]
        assert lists == [[old], [new, old]]
    fresh.emulator.control.add_fault(kind="stale_list", path="")
    assert see(fresh, "GET", f"{fresh.ws}/jobs/{new}").status == 200


def test_pages_can_be_stale_one_by_one(fresh):
    """A fresh first page and a stale second one: the place of the old jobs shifts, none is new."""
    control = fresh.emulator.control
    control.set_switches(page_size=2)
    old = [made(fresh) for _ in range(3)]
    control.advance_clock(10)
    made(fresh)
    control.add_fault(kind="stale_list", skip=1)
    first = see(fresh, "GET", f"{fresh.ws}/jobs").json()
    second = see(fresh, "GET", first["nextLink"].removeprefix(fresh.emulator.url)).json()
    assert [job["name"] for job in second["value"]] == [old[0]]
    assert old[2] in [job["name"] for job in first["value"]]
    assert old[1] not in [job["name"] for page in (first, second) for job in page["value"]]


def test_an_endpoint_has_no_scoring_uri(client):
    """The member is missing; the next read has it again."""
    client.emulator.control.add_fault(kind="no_scoring_uri")
    path = f"{client.ws}/batchEndpoints/scorer"
    has = ["scoringUri" in see(client, "GET", path).json()["properties"] for _ in range(2)]
    assert has == [False, True]


@pytest.mark.parametrize("to", ["https://attacker.example", "https://127.0.0.1:1"])
def test_answers_name_a_foreign_host(client, to):
    """``scoringUri``, ``nextLink``, ``Location`` of an invocation and of a redirect, where told."""
    control = client.emulator.control
    for kind in ("foreign_scoring_uri", "foreign_next_link", "foreign_location", "redirect"):
        control.add_fault(kind=kind, to=to)
    endpoint = see(client, "GET", f"{client.ws}/batchEndpoints/scorer").json()
    assert endpoint["properties"]["scoringUri"] == f"{to}/endpoints/e/jobs"
    assert see(client, "GET", f"{client.ws}/jobs").json()["nextLink"] == f"{to}/next"
    assert invoke(client).headers["location"] == f"{to}/"
    moved = see(client, "GET", client.ws)
    assert (moved.status, moved.headers["location"], moved.body) == (307, f"{to}/", b"")


def test_an_answer_is_edited_by_json_pointers(client):
    """Values are put and members removed; a pointer that leads nowhere changes nothing."""
    client.emulator.control.add_fault(
        edit={"/properties/friendlyName": None, "/tags/a~1b": 1, "/no/such/place": 2},
        remove=["/location", "/properties/nothing", "/name/0"],
    )
    whole = see(client, "GET", client.ws).json()
    assert (whole["properties"]["friendlyName"], whole["tags"]) == (None, {"a/b": 1})
    assert ("location" in whole, whole["name"]) == (False, client.emulator.workspace.name)
    assert "no" not in whole


def test_a_fault_may_last_until_it_is_cleared(client):
    """``times`` null hits every request."""
    client.emulator.control.add_fault(status=500, times=None)
    assert {see(client, "GET", client.ws).status for _ in range(5)} == {500}
    client.emulator.control.clear_faults()
    assert see(client, "GET", client.ws).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "no_such"},
        {"kind": "slow", "delay": 0},
        {"status": 503, "reset": True},
        {"kind": "truncated_json", "status": 500},
        {"status": 429, "retry_after": "1", "retry_after_date": 1},
        {"status": 500, "times": 0},
        {"headers": {}},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(client, fault):
    """An unknown kind, no effect, two ends at once, two times to come back, none of them."""
    with pytest.raises(ControlError):
        client.emulator.control.add_fault(**fault)
    assert client.emulator.control.faults() == []


def test_kinds_are_queued_over_http(client):
    """A kind and a field of one's own; the list shows what waits."""
    place = "/_emulator/faults"
    for kind in ("reset_after", "truncated_connection"):
        asked = {"kind": kind, "method": "POST", "path": "/jobs$"}
        assert see(client, "POST", place, asked).status == 200
    waiting = see(client, "GET", place).json()
    assert [one["kind"] for one in waiting] == ["reset_after", "truncated_connection"]
    assert [invoke(client).broke for _ in range(2)] == [
        ConnectionResetError,
        http.client.IncompleteRead,
    ]
    assert see(client, "POST", place, {"kind": "no_such"}).status == 400
    assert see(client, "GET", f"{place}/given").json()["counts"] == {
        "reset_after": 1,
        "truncated_connection": 1,
    }
