"""Azure Resource Manager: workspace, endpoints, deployments."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.endpoint_wire import parse_endpoint, parse_endpoint_patch
from airflow_provider_fabml.emulator.errors import user_error
from airflow_provider_fabml.emulator.exchange import Answer, Call, Handled
from airflow_provider_fabml.emulator.invocation import find_deployment, find_endpoint
from airflow_provider_fabml.emulator.render import resources
from airflow_provider_fabml.emulator.routes.paging import page

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.service import Service

WS = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
OPERATIONS = (
    "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
)


def get_workspace(call: Call) -> Answer:
    """``GET WS``."""
    return Answer(resources.workspace(call.service))


def discovery(call: Call) -> Answer:
    """``GET {discoveryUrl}``: the addresses of the other planes, without a token."""
    base = call.service.base_url
    return Answer({"api": base, "history": base, "experimentation": base, "modelmanagement": base})


def list_endpoints(call: Call) -> Answer:
    """``GET WS/batchEndpoints``."""
    found = list(call.service.store.endpoints.values())
    return Answer(page(call, found, lambda item: resources.endpoint(call.service, item)))


def get_endpoint(call: Call) -> Answer:
    """``GET WS/batchEndpoints/{e}``."""
    found = find_endpoint(call.service, call.path["endpoint"])
    return Answer(resources.endpoint(call.service, found))


def put_endpoint(call: Call) -> Answer:
    """``PUT WS/batchEndpoints/{e}``: 201 with an operation to poll (recorded 2023-12)."""
    service, name = call.service, call.path["endpoint"]
    with service.store.lock:
        existing = service.store.endpoints.get(name)
        made = parse_endpoint(name, call.json(), existing, call.query.get("api-version"))
        service.store.endpoints[name] = made
    body = resources.endpoint(service, made, state="Creating")
    return Answer(body, status=200 if existing else 201, headers=_operation(service, call, name))


def patch_endpoint(call: Call) -> Answer:
    """``PATCH WS/batchEndpoints/{e}``: tags and the default deployment."""
    service = call.service
    with service.store.lock:
        found = find_endpoint(service, call.path["endpoint"])
        changed = parse_endpoint_patch(call.json(), found)
        service.store.endpoints[found.name] = changed
    return Answer(resources.endpoint(service, changed))


def delete_endpoint(call: Call) -> Answer:
    """``DELETE WS/batchEndpoints/{e}``: 202 with an operation, 204 where there is none."""
    service, name = call.service, call.path["endpoint"]
    with service.store.lock:
        found = service.store.endpoints.pop(name, None)
    if found is None:
        return Answer(status=204)
    return Answer(status=202, headers=_operation(service, call, name, result=True))


def _operation(service: Service, call: Call, name: str, *, result: bool = False) -> dict[str, str]:
    """Return the headers of an asynchronous operation."""
    version = call.query.get("api-version", "2023-10-01")
    operation = f"bebes:{service.workspace.workspace_id}:{uuid.uuid4()}"
    service.store.operations[operation] = name
    base = resources.operations_url(service)
    location = f"{service.base_url}{call.url.partition('?')[0]}"
    if result:
        location = f"{base}/mfeOperationResults/{operation}"
    return {
        "Azure-AsyncOperation": f"{base}/mfeOperationsStatus/{operation}?api-version={version}",
        "Location": f"{location}?api-version={version}",
        "x-ms-async-operation-timeout": "PT30M",
    }


def operation_status(call: Call) -> Answer:
    """``GET …/mfeOperationsStatus/{operation}``."""
    operation = call.path["operation"]
    if operation not in call.service.store.operations:
        raise user_error(404, f"Operation '{operation}' was not found.", "NotFound")
    body: dict[str, Any] = {
        "id": call.url.partition("?")[0],
        "name": operation,
        "status": "Succeeded",
    }
    return Answer(body)


def list_deployments(call: Call) -> Answer:
    """``GET WS/batchEndpoints/{e}/deployments``."""
    at = find_endpoint(call.service, call.path["endpoint"])

    def render(item: Any) -> Any:
        return resources.deployment(call.service, at, item)

    return Answer(page(call, at.deployments, render))


def get_deployment(call: Call) -> Answer:
    """``GET WS/batchEndpoints/{e}/deployments/{d}``."""
    at = find_endpoint(call.service, call.path["endpoint"])
    found = find_deployment(at, call.path["deployment"])
    return Answer(resources.deployment(call.service, at, found))


_ENDPOINT = f"{WS}/batchEndpoints/{{endpoint}}"
ROUTES = [
    Handled("GET", WS, "arm", "read", get_workspace),
    Handled("GET", "/discovery", "open", "", discovery),
    Handled("GET", f"{WS}/batchEndpoints", "arm", "batchEndpoints/read", list_endpoints),
    Handled("GET", _ENDPOINT, "arm", "batchEndpoints/read", get_endpoint),
    Handled("PUT", _ENDPOINT, "arm", "batchEndpoints/write", put_endpoint),
    Handled("PATCH", _ENDPOINT, "arm", "batchEndpoints/write", patch_endpoint),
    Handled("DELETE", _ENDPOINT, "arm", "batchEndpoints/delete", delete_endpoint),
    Handled(
        "GET",
        f"{_ENDPOINT}/deployments",
        "arm",
        "batchEndpoints/deployments/read",
        list_deployments,
    ),
    Handled(
        "GET",
        f"{_ENDPOINT}/deployments/{{deployment}}",
        "arm",
        "batchEndpoints/deployments/read",
        get_deployment,
    ),
    Handled(
        "GET", f"{OPERATIONS}/mfeOperationsStatus/{{operation}}", "arm", "read", operation_status
    ),
]
