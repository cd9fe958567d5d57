"""Fabric's REST API, as far as it tells of shortcuts: workspaces, items, list and get of shortcuts.

Microsoft Learn, REST, Fabric Core: "OneLake Shortcuts - List Shortcuts", "- Get Shortcut",
"Workspaces - List Workspaces", "Items - List Items"; pages as in "Fabric REST API: pagination".
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow_provider_fabml.emulator.exchange import Answer, Call, Handled
from airflow_provider_fabml.emulator.fabric import FabricError, detail_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_fabml.emulator.fabric import FabricItem, FabricWorkspace, Shortcut

_V1 = "/v1/workspaces"
_SHORTCUTS = f"{_V1}/{{fabric_workspace}}/items/{{item}}/shortcuts"


def list_workspaces(call: Call) -> Answer:
    """``GET /v1/workspaces``."""
    return Answer(_page(call, call.service.fabric.workspaces, _named("Workspace")))


def list_items(call: Call) -> Answer:
    """``GET /v1/workspaces/{id}/items``, with ``type``."""
    workspace, wanted = _workspace(call), call.query.get("type")
    items = [one for one in workspace.items if wanted is None or one.type.lower() == wanted.lower()]

    def shown(item: FabricItem) -> dict[str, Any]:
        return {**_named(item.type)(item), "workspaceId": workspace.id}

    return Answer(_page(call, items, shown))


def list_shortcuts(call: Call) -> Answer:
    """``GET …/shortcuts``, with ``parentPath``: all below it, however deep."""
    parent = call.query.get("parentPath", "").strip("/")
    found = [
        one
        for one in _item(call).shortcuts
        if not parent or f"{one.path.strip('/')}/".startswith(f"{parent}/")
    ]
    return Answer(_page(call, found, lambda shortcut: _shown(call, shortcut)))


def get_shortcut(call: Call) -> Answer:
    """``GET …/shortcuts/{path}/{name}``."""
    place = call.path["place"]
    for shortcut in _item(call).shortcuts:
        if shortcut.place == place:
            return Answer(_shown(call, shortcut))
    raise FabricError(404, "EntityNotFound", f"The shortcut '{place}' was not found.")


def _shown(call: Call, shortcut: Shortcut) -> dict[str, Any]:
    kind = shortcut.target["type"]
    target = {"type": kind} if call.service.switches.fabric_target_type else {}
    if detail_key(kind) in shortcut.target:
        target[detail_key(kind)] = shortcut.target[detail_key(kind)]
    return {"path": shortcut.path, "name": shortcut.name, "target": target}


def _named(kind: str) -> Callable[[Any], dict[str, Any]]:
    return lambda one: {"id": one.id, "displayName": one.name, "description": "", "type": kind}


def _workspace(call: Call) -> FabricWorkspace:
    found = call.service.fabric.workspace(call.path["fabric_workspace"])
    if found is None:
        raise FabricError(404, "WorkspaceNotFound", "The requested workspace was not found.")
    return found


def _item(call: Call) -> FabricItem:
    found = _workspace(call).item(call.path["item"])
    if found is None:
        raise FabricError(404, "ItemNotFound", "The requested item was not found.")
    return found


def _page(call: Call, items: Sequence[Any], render: Callable[[Any], Any]) -> dict[str, Any]:
    switches = call.service.switches
    start = _offset(call.query.get("continuationToken"))
    end = start + switches.page_size
    body: dict[str, Any] = {"value": [render(item) for item in items[start:end]]}
    token: str | None = base64.b64encode(f"offset:{end}".encode()).decode()
    uri = None
    if end < len(items):
        path = quote(call.url.partition("?")[0], safe="/%")
        query = urlencode({**call.query, "continuationToken": token})
        uri = f"{call.service.base_url}{path}?{query}"
    elif switches.fabric_last_page == "absent":
        return body
    return {**body, "continuationToken": token if uri else None, "continuationUri": uri}


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("offset:"))
    except (binascii.Error, ValueError):
        text = "The continuation token is invalid."
        raise FabricError(400, "InvalidContinuationToken", text) from None


ROUTES = [
    Handled("GET", _V1, "fabric", "fabric/workspaces/read", list_workspaces),
    Handled("GET", f"{_V1}/{{fabric_workspace}}/items", "fabric", "fabric/items/read", list_items),
    Handled("GET", _SHORTCUTS, "fabric", "fabric/shortcuts/read", list_shortcuts),
    Handled("GET", f"{_SHORTCUTS}/{{place:path}}", "fabric", "fabric/shortcuts/read", get_shortcut),
]
