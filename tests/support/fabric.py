"""Fabric workspaces for tests: ids, shortcuts of every kind, and an emulator that serves them."""

from __future__ import annotations

from typing import Any

WORKSPACE, OTHER = (f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in (1, 2))
LAKE, FAR = (f"bbbbbbbb-0000-4000-8000-00000000000{n}" for n in (1, 2))
CLIENT, SECRET = "11111111-aaaa-4444-8888-000000000009", "s3cr3t-of-fabric"


def adls(where: str, container_path: str, account: str = "acct") -> dict[str, Any]:
    """A shortcut at ``Files/…/name`` to a folder of a container."""
    detail = {"location": f"https://{account}.dfs.core.windows.net", "subpath": container_path}
    return shortcut(where, "AdlsGen2", **detail, connectionId=OTHER)


def onelake(where: str, item: str, path: str, workspace: str = WORKSPACE) -> dict[str, Any]:
    """A shortcut to a folder of an item."""
    return shortcut(where, "OneLake", workspaceId=workspace, itemId=item, path=path)


def shortcut(where: str, kind: str, **detail: str) -> dict[str, Any]:
    """A shortcut of some kind, as Fabric tells it."""
    path, _, name = where.rpartition("/")
    target: dict[str, Any] = {"type": kind}
    if detail:
        target[kind[:1].lower() + kind[1:]] = detail
    return {"path": path, "name": name, "target": target}


def fabric(lake: list[dict[str, Any]], far: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Two workspaces, ``Sales`` with ``Raw.Lakehouse`` and ``Far`` with ``Deep.Lakehouse``."""
    raw = {"id": LAKE, "name": "Raw", "shortcuts": lake}
    deep = {"id": FAR, "name": "Deep", "shortcuts": far or []}
    return {
        "workspaces": [
            {"id": WORKSPACE, "name": "Sales", "items": [raw]},
            {"id": OTHER, "name": "Far", "items": [deep]},
        ]
    }


def served(lake: list[dict[str, Any]], far: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The emulator's workspace: one principal that may see everything, and one that may not."""
    return {
        "principals": [
            {"client_id": CLIENT, "secret": SECRET},
            {"client_id": f"{CLIENT[:-1]}8", "secret": SECRET, "not_actions": ["fabric/*"]},
        ],
        "datastores": [{"name": "workspaceblobstore", "container": "work", "default": True}],
        "fabric": fabric(lake, far),
    }


def fields(emulator: Any, **changes: Any) -> dict[str, Any]:
    """The keywords of `parse_storage_connection` that lead to the emulator's Fabric."""
    extra = {
        "auth": "service_principal",
        "tenant_id": emulator.workspace.tenant_id,
        "authority_host": emulator.url,
        "ca_bundle": str(emulator.ca_bundle),
        "shortcuts": "fabric",
        "fabric_api": emulator.url,
        **changes.pop("extra", {}),
    }
    return {"login": CLIENT, "password": SECRET, "extra": extra, **changes}
