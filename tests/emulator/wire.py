"""A client that hides nothing: TLS over a socket of its own, one request, no retry."""

from __future__ import annotations

import http.client
import json
import select
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path


class Seen(NamedTuple):
    """What one request met: a status with headers and body, or how the connection ended."""

    status: int = 0
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: bytes = b""
    broke: type[BaseException] | None = None

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


def ask(
    method: str, url: str, token: str, ca_bundle: Path, body: Any = None, timeout: float = 20
) -> Seen:
    """Send one request over a new connection, after one that nothing disturbs."""
    at = urlsplit(url)
    context = ssl.create_default_context(cafile=str(ca_bundle))
    assert at.hostname
    connection = http.client.HTTPSConnection(at.hostname, at.port, timeout=timeout, context=context)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    place = f"{at.path}?{at.query}" if at.query else at.path
    try:
        connection.request("GET", "/_emulator/health")  # what the handshake left is read with it
        connection.getresponse().read()
        connection.request(method, place, body and json.dumps(body), headers)
        if broke := _broke(connection.sock, timeout):
            return Seen(broke=broke)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Seen(answer.status, found, answer.read())
    except (OSError, http.client.HTTPException) as error:
        part = error.partial if isinstance(error, http.client.IncompleteRead) else b""
        return Seen(body=part, broke=type(error))
    finally:
        connection.close()


def _broke(connection: ssl.SSLSocket, timeout: float) -> type[OSError] | None:
    """Wait for an answer; tell a reset, which Python 3.11's ``ssl`` shows as an end of file."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    events = waiting.poll(timeout * 1000)
    if not events:
        return TimeoutError
    return ConnectionResetError if events[0][1] & select.POLLERR else None
