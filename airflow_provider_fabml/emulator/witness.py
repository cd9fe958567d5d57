"""Around the application: logs every request and plays the faults that it meets."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_fabml.emulator.faults.spoil import Reply, changed, halved, own_reply
from airflow_provider_fabml.emulator.requests_log import logged

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_fabml.emulator.faults import Fault
    from airflow_provider_fabml.emulator.route_names import RouteNames
    from airflow_provider_fabml.emulator.service import Service

STALE = "emulator.stale"
"""Key of an ASGI scope: as of how many seconds ago lists are answered."""
_CONTROL = "/_emulator/"
_SPELLINGS = (
    (re.compile(r"/resourcegroups/", re.I), "/resourceGroups/"),
    (
        re.compile(r"/providers/microsoft\.machinelearningservices/", re.I),
        "/providers/Microsoft.MachineLearningServices/",
    ),
)


class Witness:
    """ASGI middleware; the control API is neither logged nor disturbed."""

    def __init__(self, app: ASGIApp, service: Service, names: RouteNames) -> None:
        self._app, self._service, self._names = app, service, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(_CONTROL):
            await self._app(scope, receive, send)
            return
        scope["path"] = arm_spelling(scope["path"])
        body = await _whole(receive)
        self._log(scope, body)
        route = self._names.of(scope["method"], scope["path"])
        fault = self._service.faults.take(scope["method"], scope["path"], route)
        if fault is None:
            await self._app(scope, _again(body), send)
        else:
            await self._spoilt(fault, scope, body, send)

    def _log(self, scope: Scope, body: bytes) -> None:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        query = scope["query_string"].decode()
        entry = logged(scope["method"], scope["path"], query, headers, body)
        self._service.requests.add(entry)

    async def _spoilt(self, fault: Fault, scope: Scope, body: bytes, send: Send) -> None:
        """Do the work or not, wait, then answer wrongly, cut the connection, or only be late."""
        if fault.refuse_tokens:
            self._service.issuer.revoke(challenge=fault.refuse_tokens == "challenge")
        await asyncio.sleep(fault.delay_work)
        real = await self._work(fault, scope, body) if fault.works else None
        await asyncio.sleep(fault.delay)
        now = datetime.now(UTC)
        if fault.cuts:
            _cut(send, reset=fault.reset)
        elif real is None or fault.challenge or fault.status is not None:
            await _send(own_reply(fault, now), send)
        else:
            reply = changed(fault, real, now)
            await _send(halved(reply, fault.truncate) if fault.truncate else reply, send)

    async def _work(self, fault: Fault, scope: Scope, body: bytes) -> Reply:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app({**scope, STALE: fault.stale}, _again(body), keep)
        start, *parts = answer
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in start["headers"]
        }
        return Reply(start["status"], headers, b"".join(part.get("body", b"") for part in parts))


def arm_spelling(path: str) -> str:
    """Return an ARM path spelt as the routes have it; ARM compares these words without case."""
    for pattern, word in _SPELLINGS:
        path = pattern.sub(word, path)
    return path


async def _send(reply: Reply, send: Send) -> None:
    """Send an answer; one that is shorter than its length says ends with its connection."""
    length = int(reply.headers.get("content-length", len(reply.body)))
    headers = reply.headers | {"content-length": str(length)}
    encoded = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    short = len(reply.body) < length
    await send({"type": "http.response.body", "body": reply.body, "more_body": short})
    if short:
        send.__self__.transport.close()  # type: ignore[attr-defined]


def _cut(send: Send, *, reset: bool) -> None:
    """Abort the TCP connection below uvicorn's request cycle; a reset sends RST, not FIN."""
    transport = send.__self__.transport  # type: ignore[attr-defined]
    if reset:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


async def _whole(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _again(body: bytes) -> Receive:
    """Return a receive function that gives a body that was read already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
