"""The routes as an ASGI application: token, scope, answer, faults and the request log."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_fabml.emulator.access import authorize
from airflow_provider_fabml.emulator.errors import PlainDenialError, ServiceError
from airflow_provider_fabml.emulator.exchange import NOTHING, Answer, Call, Handled
from airflow_provider_fabml.emulator.render.common import timestamp
from airflow_provider_fabml.emulator.route_names import RouteNames
from airflow_provider_fabml.emulator.routes import (
    arm,
    control,
    datastores,
    fabric,
    history,
    jobs,
    scoring,
    token,
)
from airflow_provider_fabml.emulator.witness import STALE, Witness

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from airflow_provider_fabml.emulator.service import Service

_ROUTES = (
    control.ROUTES + arm.ROUTES + scoring.ROUTES + jobs.ROUTES + history.ROUTES
    + datastores.ROUTES + fabric.ROUTES + token.ROUTES
)  # fmt: skip
_SLOW = re.compile(r"/_emulator/jobs/[^/]+/advance$")


def service_app(service: Service) -> ASGIApp:
    """Return the application of every plane and of the control API."""
    return _witnessed(service, _ROUTES)


def identity_app(service: Service) -> ASGIApp:
    """Return the application of the plain-http managed-identity port."""
    return _witnessed(service, token.IDENTITY_ROUTES)


def _witnessed(service: Service, routes: list[Handled]) -> ASGIApp:
    names = RouteNames(routes, service.workspace.path)
    return Witness(_application(service, routes), service, names)


def _application(service: Service, routes: list[Handled]) -> Starlette:
    return Starlette(
        routes=[
            Route(handled.path, _asgi(service, handled), methods=[handled.method])
            for handled in routes
        ]
    )


def _asgi(service: Service, handled: Handled) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        call = await _call(service, request)
        try:
            answer = await _answered(handled, call)
        except ServiceError as error:
            return _refusal(service, error)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        return _response(answer)

    return respond


async def _call(service: Service, request: Request) -> Call:
    query = request.url.query
    return Call(
        service=service,
        method=request.method,
        path=request.path_params,
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        url=f"{request.url.path}?{query}" if query else request.url.path,
        stale=request.scope.get(STALE, 0.0),
    )


async def _answered(handled: Handled, call: Call) -> Answer:
    if handled.plane != "open":
        service = call.service
        scope = service.workspace.path
        authorization = call.headers.get("authorization", "")
        authorize(authorization, handled.plane, handled.action, service.issuer, scope)
        check_workspace(call.path, service)
    if _SLOW.search(call.url):  # it waits for a job's work
        return await asyncio.to_thread(handled.handler, call)
    return handled.handler(call)


def check_workspace(path: Mapping[str, str], service: Service) -> None:
    """Raise ARM's 404 where a path names another subscription, resource group or workspace."""
    served = service.workspace
    if path.get("subscription", served.subscription_id).lower() != served.subscription_id.lower():
        message = f"The subscription '{path['subscription']}' could not be found."
        raise ServiceError(404, "SubscriptionNotFound", message)
    if path.get("group", served.resource_group).lower() != served.resource_group.lower():
        message = f"Resource group '{path['group']}' could not be found."
        raise ServiceError(404, "ResourceGroupNotFound", message)
    if path.get("workspace", served.name).lower() != served.name.lower():
        raise ServiceError(
            404,
            "ResourceNotFound",
            "The Resource 'Microsoft.MachineLearningServices/workspaces/"
            f"{path['workspace']}' under resource group '{served.resource_group}' was not found. "
            "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        )


def _response(answer: Answer) -> Response:
    headers = {"X-Request-ID": str(uuid.uuid4()), **answer.headers}
    if answer.text is not None:
        return PlainTextResponse(answer.text, status_code=answer.status, headers=headers)
    if answer.body is NOTHING:
        return Response(status_code=answer.status, headers=headers)
    return _json(answer.body, answer.status, headers)


def _refusal(service: Service, error: ServiceError) -> Response:
    if isinstance(error, PlainDenialError):
        return PlainTextResponse(error.message, status_code=error.status)
    body = error.body(location=service.workspace.location, time=timestamp(datetime.now(UTC)))
    return _json(body, error.status, {"x-ms-response-type": "error", **error.headers})


def _json(body: Any, status: int, headers: Mapping[str, str]) -> Response:
    response = JSONResponse(None, status_code=status, headers=dict(headers))
    response.body = json.dumps(body).encode()
    response.headers["content-length"] = str(len(response.body))
    response.headers["content-type"] = "application/json; charset=utf-8"
    return response
