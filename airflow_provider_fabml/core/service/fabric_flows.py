"""How Fabric is asked for shortcuts: one flow per question (see ``http``).

Addresses and bodies: Microsoft Learn, REST, Fabric Core: "OneLake Shortcuts - List Shortcuts",
"- Get Shortcut", "Workspaces - List Workspaces", "Items - List Items"; pages by continuation token as
in "Fabric REST API: pagination". Every flow raises ``TransientError`` or ``PermanentError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.service.http import FABRIC, Flow, Request
from airflow_provider_fabml.core.service.reads import read_object
from airflow_provider_fabml.core.storage.shortcuts.item_path import ItemPath, Lakehouse, is_guid
from airflow_provider_fabml.core.storage.shortcuts.target import Shortcut, read_shortcut

if TYPE_CHECKING:
    from collections.abc import Iterator

# An item may have 100,000 shortcuts (fabric-docs, onelake-shortcuts); a list as long is not read whole.
MAX_PAGES = 50
_REMEDIES = {
    401: "check the connection's identity, and that its tenant lets service principals use Fabric's APIs "
    "(tenant setting 'Service principals can call Fabric public APIs')",
    403: "give the identity a role in the Fabric workspace (Viewer at least) that may read the lakehouse",
    404: "check the names or ids of workspace and lakehouse; who may not see them is told the same",
}


def shortcuts(api: str, lakehouse: Lakehouse) -> Flow[tuple[Shortcut, ...] | None]:
    """All shortcuts of an item (named by its GUIDs), or None where the list is too long to read."""
    records = yield from _pages(
        f"{_url(api, lakehouse)}/shortcuts", f"listing shortcuts of {lakehouse}"
    )
    return None if records is None else tuple(read_shortcut(record) for record in records)


def shortcut_at(api: str, place: ItemPath) -> Flow[Shortcut | None]:
    """The shortcut above a place, asked for by name from the top down: the first is the only one.

    An item's own shortcuts do not lie within one another. Where a shortcut is missing, Fabric answers
    404; that the item itself is there, the caller knows from its list.
    """
    for path in _candidates(place.path):
        url = f"{_url(api, place.lakehouse)}/shortcuts/{quote(path)}"
        what = f"reading shortcut {path!r} of {place.lakehouse}"
        try:
            return read_shortcut((yield from _read(url, what)))
        except PermanentError as error:
            if error.status != 404:
                raise
    return None


def ids_of(api: str, lakehouse: Lakehouse) -> Flow[Lakehouse]:
    """The GUIDs of a lakehouse that is named: shortcuts are listed by them only."""
    if lakehouse.by_id:
        return lakehouse
    name, kind = lakehouse.name_and_type
    workspaces = yield from _pages(f"{api}/v1/workspaces", "listing workspaces")
    workspace = _named(workspaces or [], lakehouse.workspace, "workspace")
    query = urlencode({"type": kind})
    what = f"listing items of workspace {lakehouse.workspace!r}"
    items = yield from _pages(f"{api}/v1/workspaces/{quote(workspace, safe='')}/items", what, query)
    same = [item for item in items or [] if str(item.get("type", kind)).lower() == kind.lower()]
    return Lakehouse(workspace, _named(same, name, f"{kind} in workspace {lakehouse.workspace!r}"))


def _url(api: str, lakehouse: Lakehouse) -> str:
    workspace, item = (quote(part, safe="") for part in lakehouse)
    return f"{api}/v1/workspaces/{workspace}/items/{item}"


def _candidates(path: str) -> Iterator[str]:
    segments = path.split("/")
    return ("/".join(segments[:count]) for count in range(2, len(segments) + 1))


def _named(found: list[dict[str, Any]], name: str, what: str) -> str:
    """The id of the one that has this display name."""
    same = (str(one.get("id")) for one in found if one.get("displayName") == name)
    ids = [one for one in same if is_guid(one)]
    if len(ids) != 1:
        seen = ", ".join(sorted({str(one.get("displayName")) for one in found})[:5]) or "none"
        raise PermanentError(
            f"Fabric shows the connection's identity {len(ids)} of the name {name!r} ({what})",
            remedy=f"check the name (there are: {seen}) and the identity's role, or write both GUIDs",
        )
    return ids[0]


def _pages(url: str, what: str, query: str = "") -> Flow[list[dict[str, Any]] | None]:
    """Every record of a list; None where it has more than `MAX_PAGES` pages."""
    items: list[dict[str, Any]] = []
    asked = query
    for _ in range(MAX_PAGES):
        body = yield from _read(f"{url}?{asked}" if asked else url, what)
        value = body.get("value")
        items.extend(
            one for one in (value if isinstance(value, list) else []) if isinstance(one, dict)
        )
        # Not continuationUri: the token is ours to send, and to the host we know (D16).
        token = body.get("continuationToken")
        if not token:
            return items
        asked = "&".join(part for part in (query, urlencode({"continuationToken": token})) if part)
    return None


def _read(url: str, what: str) -> Flow[dict[str, Any]]:
    try:
        return (yield from read_object(Request("GET", url, FABRIC), what))
    except PermanentError as error:
        remedy = _REMEDIES.get(error.status or 0)
        raise PermanentError(error.what, status=error.status, remedy=remedy) from None
