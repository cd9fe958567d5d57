"""The one place that sends: what goes out once, what goes out again, and what never goes out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_fabml.clients.credentials import make_async_credential, make_credential
from airflow_provider_fabml.clients.http import AsyncSender, Sender, Wire
from airflow_provider_fabml.core.connections.azure_ml_connection import parse_azure_ml_connection
from airflow_provider_fabml.core.errors import AnswerLostError, FabmlError, PermanentError
from airflow_provider_fabml.core.service.http import ANONYMOUS, ARM, ML, Flow, Request, Response
from airflow_provider_fabml.emulator import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorServer]:
    """The demo workspace; nothing is scored here."""
    with EmulatorServer(clock="manual") as server:
        yield server


@pytest.fixture(autouse=True)
def _no_fault_of_another_test(emulator: EmulatorServer) -> Iterator[None]:
    yield
    emulator.control.clear_faults()


def one(request: Request) -> Flow[Response]:
    """A flow of one request."""
    return (yield request)


@pytest.fixture(params=["thread", "event loop"])
def send(request: pytest.FixtureRequest, emulator: EmulatorServer) -> Callable[..., Response]:
    """Send one request through the pipeline of a worker, or of a triggerer."""
    made = emulator.connection()
    connection = parse_azure_ml_connection(
        made["extra"], login=made["login"], password=made["password"], name="c"
    )
    wire, bundle = Wire(5, 5, connection.ca_bundle), connection.ca_bundle

    def in_thread(what: Request) -> Response:
        credential = make_credential(connection.identity, ca_bundle=bundle)
        with Sender(credential, connection.cloud, wire) as sender:
            return sender.run(one(what))

    async def in_loop(what: Request) -> Response:
        credential = make_async_credential(connection.identity, ca_bundle=bundle)
        async with AsyncSender(credential, connection.cloud, wire) as sender:
            return await sender.run(one(what))

    if request.param == "thread":
        return in_thread
    return lambda what: asyncio.run(in_loop(what))


def workspace(emulator: EmulatorServer) -> Request:
    """A read that works."""
    return Request("GET", f"{emulator.url}{emulator.workspace.path}?api-version=x", ARM)


def command(emulator: EmulatorServer) -> Request:
    """A POST that must go out once (the endpoint is not there, which is no matter)."""
    url = f"{emulator.url}/endpoints/nowhere/jobs"
    return Request("POST", url, ML, {"properties": {}}, {"x-mine": "1"}, repeatable=False)


def count(emulator: EmulatorServer, act: Any) -> int:
    """How many requests other than for tokens `act` sends."""
    before = len(emulator.requests.all())
    act()
    seen = emulator.requests.all()[before:]
    return sum("/oauth2/" not in r.path and "/.well-known/" not in r.path for r in seen)


def test_an_answer_is_a_value(emulator: EmulatorServer, send: Any) -> None:
    """Status, lower-case headers, parsed body."""
    answer = send(workspace(emulator))
    assert (answer.status, answer.body["name"]) == (200, "trusted-ml")
    assert answer.headers["content-type"].startswith("application/json")


def test_a_body_that_is_no_json_stays_text(emulator: EmulatorServer, send: Any) -> None:
    """Denials of the data plane are plain text, and are not lost."""
    emulator.control.add_fault(path="/jobs$", status=403, body="Denied by policy")
    assert send(command(emulator)).body == "Denied by policy"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_command_goes_out_once_whatever_the_answer(
    emulator: EmulatorServer, send: Any, status: int
) -> None:
    """No retry, and Retry-After changes nothing (D1)."""
    fault = {"status": status, "retry_after": "0", "times": 9}
    emulator.control.add_fault(path="/jobs$", **fault)
    assert count(emulator, lambda: send(command(emulator))) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_command_goes_out_once_when_the_connection_breaks(
    emulator: EmulatorServer, send: Any, when: str
) -> None:
    """The outcome is unknown and is told so; nothing is sent again."""
    emulator.control.add_fault(path="/jobs$", drop=True, when=when, times=9)

    def act() -> None:
        with pytest.raises(AnswerLostError, match=r"POST .*/endpoints/nowhere/jobs"):
            send(command(emulator))

    assert count(emulator, act) == 1


def test_a_command_goes_out_once_on_a_connection_that_was_kept(emulator: EmulatorServer) -> None:
    """A kept connection that the server has cut is no licence to send again."""
    made = emulator.connection()
    connection = parse_azure_ml_connection(
        made["extra"], login=made["login"], password=made["password"], name="c"
    )
    credential = make_credential(connection.identity, ca_bundle=connection.ca_bundle)
    with Sender(credential, connection.cloud, Wire(5, 5, connection.ca_bundle)) as sender:
        sender.run(one(command(emulator)))
        emulator.control.add_fault(path="/jobs$", drop=True, when="after", times=9)

        def act() -> None:
            with pytest.raises(AnswerLostError):
                sender.run(one(command(emulator)))

        assert count(emulator, act) == 1


def test_a_read_is_repeated(emulator: EmulatorServer, send: Any) -> None:
    """One transient answer, then the good one."""
    emulator.control.add_fault(method="GET", path="/workspaces/[^/]+$", status=503)
    assert count(emulator, lambda: send(workspace(emulator))) == 2


def test_a_long_retry_after_is_the_callers_business(emulator: EmulatorServer, send: Any) -> None:
    """A read does not sleep for an hour inside the pipeline; the answer says how long to wait."""
    fault = {"status": 429, "retry_after": "3600", "times": 9}
    emulator.control.add_fault(method="GET", path="/workspaces/[^/]+$", **fault)
    start, answers = time.monotonic(), []
    assert count(emulator, lambda: answers.append(send(workspace(emulator)))) == 1
    assert time.monotonic() - start < 5
    assert (answers[0].status, answers[0].headers["retry-after"]) == (429, "3600")


@pytest.mark.parametrize(
    "url", ["https://evil.example/jobs", "http://127.0.0.1/jobs", "https://x@127.0.0.1/jobs"]
)
def test_a_token_goes_to_no_other_host(send: Any, url: str) -> None:
    """Refused before anything is sent, for hosts the cloud does not name and without TLS (D16)."""
    with pytest.raises(PermanentError, match="no token was sent"):
        send(Request("GET", url, ARM))


def test_service_discovery_carries_no_token(emulator: EmulatorServer, send: Any) -> None:
    """An anonymous request has no Authorization header."""
    send(Request("GET", f"{emulator.url}/discovery", ANONYMOUS))
    seen = emulator.requests.matching("GET", "/discovery")[-1]
    assert (seen.authorization, "authorization" in seen.headers) == ({}, False)


def test_a_token_request_that_fails_is_no_lost_answer(emulator: EmulatorServer, send: Any) -> None:
    """While no token was there nothing was sent, so the outcome is known."""
    emulator.control.add_fault(path="/oauth2/", drop=True, times=99)

    def act() -> None:
        with pytest.raises(FabmlError, match="no token") as caught:
            send(command(emulator))
        assert not isinstance(caught.value, (AnswerLostError, PermanentError))

    assert count(emulator, act) == 0


def _tokens(emulator: EmulatorServer) -> int:
    return sum(r.path.endswith("/token") for r in emulator.requests.all())


def test_a_claims_challenge_brings_a_new_token_to_a_read(emulator, send):
    """Continuous access evaluation: one refusal, one more token, and the answer."""
    emulator.control.add_fault(kind="claims_challenge", path=r"/workspaces/[^/]+$")
    before, answers = _tokens(emulator), []
    assert count(emulator, lambda: answers.append(send(workspace(emulator)))) == 2
    assert answers[0].status == 200
    assert _tokens(emulator) - before == 2


def test_a_claims_challenge_never_sends_a_command_again(emulator, send):
    """The sender leaves it to the submission, which knows what was posted."""
    emulator.control.add_fault(kind="claims_challenge", path="/jobs$")
    answers: list[Response] = []
    assert count(emulator, lambda: answers.append(send(command(emulator)))) == 1
    assert answers[0].status == 401


@pytest.mark.parametrize("status", [403, 502])
def test_a_page_instead_of_a_token_passes(emulator: EmulatorServer, send: Any, status: int) -> None:
    """A proxy's sign-in page in the issuer's place: nothing was sent, and a later try may work."""
    fault = {"method": "POST", "path": "/oauth2/", "status": status, "body": "<html>"}
    emulator.control.add_fault(**fault, times=99)
    with pytest.raises(FabmlError, match="no token") as caught:
        send(command(emulator))
    assert not isinstance(caught.value, AnswerLostError)
