"""Faults from a seed: the same seed and the same requests meet the same faults."""

from __future__ import annotations

import math
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from airflow_provider_fabml.emulator import ControlError
from airflow_provider_fabml.emulator.faults import KINDS, MIX, Program, fault_of
from airflow_provider_fabml.emulator.faults.program import Asked

FOLDER = {"i": {"jobInputType": "UriFolder", "uri": "azureml://datastores/data/paths/in"}}
QUICK = ["500_before", "503_after", "429", "plain_403"]


@pytest.fixture
def client(standing):
    """The module's emulator, with no fault and no record of the test before."""
    standing.emulator.control.clear_faults()
    standing.emulator.control.forget_faults_given()
    return standing


def drawn(program: Program, requests: int, *, route: str = "WS/jobs") -> list[str | None]:
    """Return the kinds that the first requests of a route draw."""
    asked = [Asked("GET", "/jobs", route, number) for number in range(requests)]
    return [fault.kind if (fault := program.fault(one)) else None for one in asked]


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2, 1.0])
def test_the_rate_is_the_share_of_requests(rate):
    """Of 5,000 requests the share that draws a fault is within four standard deviations."""
    hits = sum(kind is not None for kind in drawn(Program(seed=7, rate=rate), 5_000))
    assert abs(hits - 5_000 * rate) <= 4 * math.sqrt(5_000 * rate * (1 - rate))


def test_every_kind_is_as_likely():
    """Among 5,000 faults each fitting kind has its share within five standard deviations."""
    fitting = [kind for kind in MIX if fault_of(kind).hits("GET", "/jobs")]
    counts = Counter(drawn(Program(seed=3, rate=1), 5_000))
    share = 1 / len(fitting)
    assert set(counts) == set(fitting)
    for kind in fitting:
        assert abs(counts[kind] - 5_000 * share) < 5 * math.sqrt(5_000 * share * (1 - share))


def test_seeds_and_routes_draw_differently():
    """Another seed or another route is another stream; the same ones are the same."""
    first = drawn(Program(seed=1), 500)
    assert first == drawn(Program(seed=1), 500)
    assert first != drawn(Program(seed=2), 500)
    assert first != drawn(Program(seed=1), 500, route="WS/batchEndpoints")


def test_the_default_mix_has_no_permanent_fault():
    """Denials, hostile answers and faults that other requests feel must be named."""
    left_out = {
        "foreign_location", "foreign_next_link", "foreign_scoring_uri", "late_work",
        "no_scoring_uri", "plain_401", "plain_403", "redirect", "tokens_expired", "tokens_refused",
    }  # fmt: skip
    assert set(KINDS) - set(MIX) == left_out
    assert Program(seed=1).kinds == list(MIX)


def test_the_issuer_is_spared_unless_it_is_named():
    """Tokens are issued whatever the seed; a ``path`` of one's own includes the issuer."""
    token = Asked("POST", "/tenant/oauth2/v2.0/token", "token", 0)
    assert Program(seed=1, rate=1).fault(token) is None
    assert Program(seed=1, rate=1, path="").fault(token) is not None


def ask_all(client, order: list[str]) -> dict[str, list[int]]:
    """Ask paths in an order; return the statuses by path."""
    found: dict[str, list[int]] = {}
    for path in order:
        found.setdefault(path, []).append(client.ask("GET", path).status_code)
    return found


def test_a_seed_replays_whatever_the_order_of_other_routes(client):
    """The same requests, shuffled between routes, meet the same faults on each route."""
    paths = [client.ws, f"{client.ws}/jobs", f"{client.ws}/datastores"] * 20
    shuffled = random.Random(5).sample(paths, len(paths))  # noqa: S311
    seen = []
    for order in (paths, shuffled):
        client.emulator.control.start_faults(seed=11, rate=0.4, kinds=QUICK)
        seen.append(ask_all(client, order))
    assert seen[0] == seen[1]
    assert len({status for statuses in seen[0].values() for status in statuses}) == 5


def test_a_seed_replays_between_threads(client):
    """On one route the faults are the same in number and kind, whichever thread meets them."""
    paths = [client.ws] * 40
    counts = []
    for workers in (1, 4):
        client.emulator.control.start_faults(seed=11, rate=0.4, kinds=QUICK)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda path: client.ask("GET", path).status_code, paths))
        counts.append(client.emulator.control.faults_given()["counts"])
    assert counts[0] == counts[1] != {}


def test_job_names_do_not_change_the_draw(client):
    """Jobs are named at random, so requests for any job share one route."""
    names = [client.invoke({"inputData": FOLDER}).json()["name"] for _ in range(2)]
    seen = []
    for name in names:
        client.emulator.control.start_faults(seed=4, rate=0.5, kinds=QUICK)
        statuses = [client.ask("GET", f"{client.ws}/jobs/{name}").status_code for _ in range(20)]
        seen.append(statuses)
    assert seen[0] == seen[1]
    assert client.emulator.control.faults_given()["given"][0]["route"] == "WS/jobs/{job}"


def test_what_was_given_is_recorded_and_replays_without_the_seed(client):
    """The record counts by kind, and given as ``replay`` it does the same again."""
    control, paths = client.emulator.control, [client.ws, f"{client.ws}/jobs"] * 15
    control.start_faults(seed=2, rate=0.3, kinds=[*QUICK, {"kind": "slow", "delay": 0.01}])
    first = ask_all(client, paths)
    record = control.faults_given()
    assert record["requests"] == len(paths)
    assert record["faults"] == sum(record["counts"].values()) == len(record["given"])
    failed = sum(status >= 400 for statuses in first.values() for status in statuses)
    assert failed == record["faults"] - record["counts"].get("slow", 0) > 0
    control.start_faults(replay=record["given"])
    assert ask_all(client, paths) == first
    assert control.faults_given() == record


def test_the_rate_holds_on_the_wire(client):
    """Of 300 requests the share that fails is within four standard deviations, and is recorded."""
    client.emulator.control.start_faults(seed=6, rate=0.2, kinds=["500_before"])
    statuses = ask_all(client, [client.ws] * 300)[client.ws]
    assert abs(statuses.count(500) - 60) <= 4 * math.sqrt(300 * 0.2 * 0.8)
    record = client.emulator.control.faults_given()
    assert (record["requests"], record["counts"]) == (300, {"500_before": statuses.count(500)})


def test_no_fault_once_it_is_stopped(client):
    """Stopping and clearing both end it; the record stays until it is forgotten."""
    control = client.emulator.control
    for stop in (control.stop_faults, control.clear_faults):
        control.start_faults(seed=1, rate=1, kinds=["503_before"])
        assert client.ask("GET", client.ws).status_code == 503
        stop()
        assert control.fault_program() is None
        assert {client.ask("GET", client.ws).status_code for _ in range(10)} == {200}
        assert control.faults_given()["counts"] == {"503_before": 1}
    control.forget_faults_given()
    assert control.faults_given()["requests"] == 0


def test_a_fault_that_was_asked_for_comes_before_the_seeds(client):
    """The queue is served first; both stand in the record."""
    control = client.emulator.control
    control.start_faults(seed=1, rate=1, kinds=["503_before"])
    control.add_fault(status=418)
    assert [client.ask("GET", client.ws).status_code for _ in range(2)] == [418, 503]
    assert control.faults_given()["counts"] == {"503_before": 1, "own": 1}


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ({"seed": 1, "rate": 1.5}, "rate=1.5"),
        ({"seed": 1, "kinds": []}, "kinds"),
        ({"seed": 1, "kinds": ["no_such"]}, "'no_such' is none of"),
        ({"seed": 1, "kinds": [{"kind": "slow", "nonsense": 1}]}, "nonsense"),
        ({"seed": 1, "path": "("}, "no regular expression"),
        ({"rate": 0.1}, "seed"),
        ({"replay": [{"method": "GET"}]}, "route"),
    ],
)
def test_a_program_that_makes_no_sense_is_refused(client, program, told):
    """What is wrong is told, and nothing is started."""
    with pytest.raises(ControlError, match=told.replace("(", r"\(")):
        client.emulator.control.start_faults(**program)
    assert client.emulator.control.fault_program() is None


def test_a_seed_is_started_and_stopped_over_http(client):
    """Program, record and kinds are at hand without Python, and are never disturbed."""

    def control(method: str, path: str, body=None) -> requests.Response:
        return requests.request(
            method, f"{client.emulator.url}/_emulator/faults/{path}", json=body, timeout=9,
            verify=str(client.emulator.ca_bundle),
        )  # fmt: skip

    program = {"seed": 5, "rate": 1, "kinds": ["504_before"]}
    assert control("POST", "program", program).status_code == 200
    assert control("GET", "program").json()["seed"] == 5
    assert client.ask("GET", client.ws).status_code == 504
    given = control("GET", "given").json()
    assert (given["requests"], given["counts"]) == (1, {"504_before": 1})
    assert control("DELETE", "program").status_code == 200
    assert client.ask("GET", client.ws).status_code == 200
    control("DELETE", "given")
    assert control("GET", "given").json()["requests"] == 0
    assert set(control("GET", "kinds").json()) == set(KINDS)
    assert control("POST", "program", {"seed": 5, "rate": 7}).status_code == 400
