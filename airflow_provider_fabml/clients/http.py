"""The only place that sends a request to Azure ML: azure-core pipelines, one sync, one async.

Reads go through azure-core's retry policy; the job-creating POST goes through none at all: no retry,
no redirect; a claims challenge brings a new token, and whether it is sent again with it is the caller's
to decide (D1). Tokens are set per request and only for hosts
of the connection's cloud (D16).
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from airflow_provider_fabml import __version__
from airflow_provider_fabml.clients.transport_errors import (
    readable_token,
    translate,
    translate_token_error,
)
from airflow_provider_fabml.core.errors import NotSentError
from airflow_provider_fabml.core.service.challenge import claims_of
from airflow_provider_fabml.core.service.cloud import Cloud, token_url
from airflow_provider_fabml.core.service.http import ANONYMOUS, Flow, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.core.credentials import TokenCredential
    from azure.core.credentials_async import AsyncTokenCredential

T = TypeVar("T")
# Of azure-core's retry policy, for reads. A poller waits by itself and asks for one only.
_READ_RETRIES, _POLL_RETRIES = 3, 1


class Wire(NamedTuple):
    """How to reach the hosts: timeouts in seconds, a CA bundle's path, proxies by scheme."""

    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    ca_bundle: str | None = None
    proxies: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        """Without the proxies, whose URLs may hold a password."""
        timeouts = f"{self.connect_timeout}, {self.read_timeout}"
        return f"Wire({timeouts}, {self.ca_bundle!r}, proxies={'…' if self.proxies else None})"

    @property
    def verify(self) -> str | bool:
        """What TLS is checked against; ``aiohttp`` ignores ``REQUESTS_CA_BUNDLE``, so it is read here."""
        return self.ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True

    def transport_options(self) -> dict[str, Any]:
        """Keywords of azure-core transports."""
        return {
            "connection_timeout": self.connect_timeout,
            "read_timeout": self.read_timeout,
            "connection_verify": self.verify,
        }

    def request_options(self, request: Request) -> dict[str, Any]:
        """Keywords of one run. Raises ``NotSentError`` when it is too late to send the request."""
        if request.not_after is not None and datetime.now(UTC) > request.not_after:
            raise NotSentError(f"{request.method} was not sent: its answer could come too late")
        if request.seconds is None:
            return {}
        connect = min(self.connect_timeout, request.seconds / 2)
        read = min(self.read_timeout, request.seconds - connect)
        return {"connection_timeout": connect, "read_timeout": read}


def _pipeline_parts(wire: Wire) -> tuple[list[Any], list[Any]]:
    """The policies of the two pipelines: (without any retry, with retries of reads)."""
    from azure.core.pipeline.policies import ProxyPolicy, UserAgentPolicy

    def common() -> list[Any]:
        agent = UserAgentPolicy(base_user_agent=f"airflow-provider-fabml/{__version__}")
        proxies = [ProxyPolicy(proxies=dict(wire.proxies))] if wire.proxies else []
        return [agent, *proxies]

    return common(), common()


def _prepare(request: Request, token: str | None, cloud: Cloud) -> Any:
    """The azure-core request. The token goes nowhere but to a host of the cloud."""
    from azure.core.rest import HttpRequest

    headers = {**request.headers}
    if token is not None:
        token_url(request.url, request.audience, cloud)
        headers["Authorization"] = f"Bearer {token}"
    if request.body is None:
        return HttpRequest(request.method, request.url, headers=headers)
    headers.setdefault("Content-Type", "application/json")
    return HttpRequest(
        request.method, request.url, headers=headers, content=json.dumps(request.body)
    )


def _redirects(answer: Any) -> bool:
    """Whether it is a redirect: nobody follows it (D16), and its body cannot be read any more."""
    return 300 <= int(answer.status_code) < 400


def _response(request: Request, answer: Any) -> Response:
    """The answer as a value; a body that is no JSON stays text (denials of the data plane)."""
    text = "" if _redirects(answer) else answer.text()
    try:
        body = json.loads(text) if text else None
    except ValueError:
        body = text
    headers = {name.casefold(): value for name, value in answer.headers.items()}
    headers.setdefault("date", format_datetime(datetime.now(UTC)))
    return Response(answer.status_code, headers, body, request.method, request.url)


@contextmanager
def _token_errors() -> Iterator[None]:
    """A request that got no token was not sent, however the talk with the issuer broke off."""
    from azure.core.exceptions import AzureError

    try:
        with readable_token():
            yield
    except AzureError as error:
        raise translate_token_error(error) from error


@contextmanager
def _translated(request: Request) -> Iterator[None]:
    """Errors of the transport become ours, which say what the caller should do."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise translate(error, f"{request.method} {request.url.partition('?')[0]}") from error


class Sender:
    """Drives flows in the calling thread. Close it, or use it in a ``with`` statement."""

    def __init__(self, credential: TokenCredential, cloud: Cloud, wire: Wire) -> None:
        from azure.core.pipeline import Pipeline
        from azure.core.pipeline.transport import RequestsTransport

        from airflow_provider_fabml.clients.retry import BriefRetryPolicy

        self._credential, self._cloud, self._wire = credential, cloud, wire
        self._claims: dict[str, str] = {}  # by audience: what the next token has to claim
        transport = RequestsTransport(**wire.transport_options())
        once, safe = _pipeline_parts(wire)
        self._once: Any = Pipeline(transport, once)
        self._safe: Any = Pipeline(transport, [*safe, BriefRetryPolicy(retry_total=_READ_RETRIES)])

    def run(self, flow: Flow[T]) -> T:
        """Send what the flow asks for until it returns its result."""
        try:
            request = next(flow)
            while True:
                request = flow.send(self._send(request))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _send(self, request: Request) -> Response:
        response = self._send_once(request)
        claims = claims_of(response)
        if claims is None:
            return response
        self._claims[request.audience] = claims
        return self._send_once(request) if request.repeatable else response

    def _send_once(self, request: Request) -> Response:
        pipeline = self._safe if request.repeatable else self._once
        prepared = _prepare(request, self._token(request), self._cloud)
        options = self._wire.request_options(request)
        with _translated(request):
            return _response(request, pipeline.run(prepared, **options).http_response)

    def _token(self, request: Request) -> str | None:
        if request.audience == ANONYMOUS:
            return None
        # Asking for claims passes the credential's cache by.
        asked = self._claims.pop(request.audience, None)
        with _token_errors():
            return self._credential.get_token(
                self._cloud.scope(request.audience), claims=asked
            ).token

    def close(self) -> None:
        """Close the connections and the credential."""
        self._once.__exit__()
        close = getattr(self._credential, "close", None)
        if close:
            close()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncSender:
    """The twin of ``Sender`` for one event loop: same flows, same policies."""

    def __init__(self, credential: AsyncTokenCredential, cloud: Cloud, wire: Wire) -> None:
        from azure.core.pipeline import AsyncPipeline
        from azure.core.pipeline.transport import AioHttpTransport

        from airflow_provider_fabml.clients.retry import AsyncBriefRetryPolicy

        self._credential, self._cloud, self._wire = credential, cloud, wire
        self._claims: dict[str, str] = {}  # by audience: what the next token has to claim
        transport = AioHttpTransport(**wire.transport_options())
        once, safe = _pipeline_parts(wire)
        self._once: Any = AsyncPipeline(transport, once)
        self._safe: Any = AsyncPipeline(
            transport, [*safe, AsyncBriefRetryPolicy(retry_total=_POLL_RETRIES)]
        )

    async def run(self, flow: Flow[T]) -> T:
        """Send what the flow asks for until it returns its result."""
        try:
            request = next(flow)
            while True:
                request = flow.send(await self._send(request))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    async def _send(self, request: Request) -> Response:
        response = await self._send_once(request)
        claims = claims_of(response)
        if claims is None:
            return response
        self._claims[request.audience] = claims
        return await self._send_once(request) if request.repeatable else response

    async def _send_once(self, request: Request) -> Response:
        pipeline = self._safe if request.repeatable else self._once
        prepared = _prepare(request, await self._token(request), self._cloud)
        options = self._wire.request_options(request)
        with _translated(request):
            answer = (await pipeline.run(prepared, **options)).http_response
            if not _redirects(answer):
                await answer.read()
            return _response(request, answer)

    async def _token(self, request: Request) -> str | None:
        if request.audience == ANONYMOUS:
            return None
        # Asking for claims passes the credential's cache by.
        asked = self._claims.pop(request.audience, None)
        with _token_errors():
            token = await self._credential.get_token(
                self._cloud.scope(request.audience), claims=asked
            )
        return token.token

    async def close(self) -> None:
        """Close the connections and the credential (closing one does not close the other)."""
        await self._once.__aexit__()
        await self._credential.close()

    async def __aenter__(self) -> AsyncSender:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
