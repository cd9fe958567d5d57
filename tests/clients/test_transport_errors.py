"""What broke, and whether the request may have arrived: told apart by real failures of real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from azure.core.pipeline import AsyncPipeline, Pipeline
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport
from azure.core.rest import HttpRequest

from airflow_provider_fabml.clients.transport_errors import translate, translate_token_error
from airflow_provider_fabml.core.errors import AnswerLostError, NotSentError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
AUTHORITY = trustme.CA()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority's certificate."""
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return path


@contextlib.contextmanager
def server(answer: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """A TLS server that reads a request, sends these bytes and hangs up; None hangs up unread."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    heard: list[bytes] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                raw, _ = listener.accept()
                with contextlib.suppress(OSError), raw:
                    if answer is None:
                        continue
                    with context.wrap_socket(raw, server_side=True) as peer:
                        heard.append(peer.recv(65536))
                        peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/x", heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture(params=["thread", "event loop"])
def failure(request: pytest.FixtureRequest, bundle: Path) -> Callable[..., Any]:
    """What azure-core raises for a POST, translated."""
    from azure.core.exceptions import AzureError

    def sync(url: str, options: dict[str, Any]) -> None:
        with Pipeline(RequestsTransport(**options)) as pipeline:
            pipeline.run(HttpRequest("POST", url, content="{}"))

    async def loop(url: str, options: dict[str, Any]) -> None:
        async with AsyncPipeline(AioHttpTransport(**options)) as pipeline:
            answer = await pipeline.run(HttpRequest("POST", url, content="{}"))
            await answer.http_response.read()

    def run(url: str, **options: Any) -> Any:
        given = {"connection_verify": str(bundle), "connection_timeout": 2, **options}
        in_thread = request.param == "thread"
        with pytest.raises(AzureError) as caught:
            sync(url, given) if in_thread else asyncio.run(loop(url, given))
        return translate(caught.value, "POST it")

    return run


def test_nobody_listens(failure: Any) -> None:
    """Refused: not sent, in the system's words and without the address of an object."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = failure(f"https://127.0.0.1:{taken.getsockname()[1]}/x")
    assert type(error) is NotSentError
    assert "refused" in str(error) or "Connect call failed" in str(error)
    assert " at 0x" not in str(error)


def test_no_such_host(failure: Any) -> None:
    """A name that does not resolve: not sent."""
    error = failure("https://no-such-host.invalid/x")
    assert type(error) is NotSentError
    assert " at 0x" not in str(error)


@pytest.mark.parametrize("answer", [b"", HEAD, HEAD + b"half"], ids=["none", "head", "half"])
def test_an_answer_that_breaks_off(failure: Any, answer: bytes) -> None:
    """The request was read: its outcome is unknown, wherever the answer stopped."""
    with server(answer) as (url, heard):
        error = failure(url)
    assert type(error) is AnswerLostError
    assert len(heard) == 1


def test_an_answer_that_does_not_come(failure: Any) -> None:
    """Silence after the request: unknown outcome, told after the read timeout."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
        over = threading.Event()

        def serve() -> None:
            with context.wrap_socket(listener.accept()[0], server_side=True) as peer:
                peer.recv(65536)
                over.wait(10)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        error = failure(f"https://127.0.0.1:{listener.getsockname()[1]}/x", read_timeout=0.5)
        over.set()
        thread.join(5)
    assert type(error) is AnswerLostError


def test_a_certificate_of_nobody(failure: Any) -> None:
    """Not trusted stays not trusted: permanent, with the field that mends it."""
    with server(HEAD) as (url, heard):
        error = failure(url, connection_verify=True)
    assert type(error) is PermanentError
    assert "ca_bundle" in str(error)
    assert heard in ([], [b""]), "nothing was sent"


def test_the_network_on_the_way_to_a_token_passes() -> None:
    """azure-identity calls every failure a refusal; a broken network is none."""
    from azure.core import exceptions as e

    lost = e.ClientAuthenticationError("Authentication failed: no route")
    lost.__cause__ = e.ServiceRequestError("no route")
    busy = e.ClientAuthenticationError("Authentication failed: HTTP Error: 503")
    wrong = e.ClientAuthenticationError("Authentication failed: AADSTS7000215: Invalid secret")
    kinds = [type(translate_token_error(error)) for error in (lost, busy, wrong)]
    assert kinds == [NotSentError, NotSentError, PermanentError]
