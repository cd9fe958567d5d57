"""Around the application: logs every request and plays the faults that wait for it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse

from airflow_provider_fabml.emulator.requests_log import logged

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_fabml.emulator.faults import Fault
    from airflow_provider_fabml.emulator.service import Service

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

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(_CONTROL):
            await self._app(scope, receive, send)
            return
        scope["path"] = arm_spelling(scope["path"])
        body = await _whole(receive)
        self._log(scope, body)
        fault = self._service.faults.take(scope["method"], scope["path"])
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
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        spoils = fault.drop or fault.status is not None
        if fault.when == "after" or not spoils:
            await self._app(scope, _again(body), keep)
        await asyncio.sleep(fault.delay)
        if fault.drop:
            _cut(send)
        elif fault.status is not None:
            await _fault_answer(fault)(scope, _again(body), send)
        else:
            for message in answer:
                await send(message)


def arm_spelling(path: str) -> str:
    """Return an ARM path spelt as the routes have it; ARM compares these words without case."""
    for pattern, word in _SPELLINGS:
        path = pattern.sub(word, path)
    return path


def _fault_answer(fault: Fault) -> JSONResponse | PlainTextResponse:
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    status = fault.status or 500
    if fault.body is not None:
        return PlainTextResponse(fault.body, status_code=status, headers=headers)
    error = {"error": {"code": "ServiceError", "message": f"Received {status} from a service."}}
    return JSONResponse(error, status_code=status, headers=headers)


def _cut(send: Send) -> None:
    """Abort the TCP connection below uvicorn's request cycle."""
    transport = send.__self__.transport  # type: ignore[attr-defined]
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
