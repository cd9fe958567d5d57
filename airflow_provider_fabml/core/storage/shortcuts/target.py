"""What Fabric says of a shortcut: where it lies, and where it leads.

Shapes: Microsoft Learn, "OneLake Shortcuts - List Shortcuts" and "- Get Shortcut" (REST, Fabric
Core). Their examples write paths with and without a leading slash, and locations with and without a
final one; older ones lack ``type``, and a target that the caller may not see has nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from airflow_provider_fabml.core.errors import PermanentError, UsageError
from airflow_provider_fabml.core.storage.mapping import is_below
from airflow_provider_fabml.core.storage.shortcuts.item_path import ItemPath, parse_lakehouse
from airflow_provider_fabml.core.storage.storage_url import StorageUrl, parse_storage_url
from airflow_provider_fabml.core.storage.uri_text import check_segments

ONELAKE = "OneLake"
# Both name an account and begin the subpath with the container.
_STORAGE = ("AdlsGen2", "AzureBlobStorage")


class Shortcut(NamedTuple):
    """A shortcut at `path` (``Files/a/datasets``); `detail` is what its kind of target says."""

    path: str
    kind: str
    detail: Mapping[str, Any]


def read_shortcut(record: object) -> Shortcut:
    """Read an entry of a list, or an answer about one shortcut; its target is judged when followed.

    Raises ``PermanentError`` where it is none.
    """
    told = record if isinstance(record, Mapping) else {}
    path, name, target = told.get("path"), told.get("name"), told.get("target")
    if not isinstance(path, str) or not isinstance(name, str) or not isinstance(target, Mapping):
        raise PermanentError(
            "Fabric told of a shortcut without path, name and target",
            remedy="write the shortcut into the connection's mapping instead",
        )
    kind = target.get("type") or next((key for key in target if key != "type"), "")
    kind = f"{str(kind)[:1].upper()}{str(kind)[1:]}"
    detail = target.get(f"{kind[:1].lower()}{kind[1:]}")
    where = f"{path.strip('/')}/{name}".strip("/")
    return Shortcut(where, kind, detail if isinstance(detail, Mapping) else {})


def shortcut_above(path: str, shortcuts: Sequence[Shortcut]) -> Shortcut | None:
    """The shortcut whose whole segments `path` begins with; the longest, if there are several."""
    above = [found for found in shortcuts if is_below(path, found.path)]
    return max(above, key=lambda found: len(found.path), default=None)


def target_of(shortcut: Shortcut) -> StorageUrl | ItemPath:
    """Where a shortcut leads. Raises ``PermanentError`` for what is not Azure Storage or OneLake."""
    if shortcut.kind not in {ONELAKE, *_STORAGE}:
        raise PermanentError(
            f"shortcut {shortcut.path!r} leads to {shortcut.kind or 'nothing known'}, which neither "
            "Azure ML nor this provider can read",
            remedy="copy the data to ADLS Gen2, and let a shortcut show it from there",
        )
    if not shortcut.detail:
        raise PermanentError(
            f"Fabric does not tell where shortcut {shortcut.path!r} ({shortcut.kind}) leads to",
            remedy="give the connection's identity access to the shortcut's target, or write the "
            "shortcut into the connection's mapping",
        )
    try:
        return _onelake(shortcut.detail) if shortcut.kind == ONELAKE else _storage(shortcut.detail)
    except UsageError as error:
        raise PermanentError(
            f"shortcut {shortcut.path!r} leads where nothing can be read: {error.reason}",
            remedy="mend the shortcut's target in Fabric",
        ) from None


def _onelake(detail: Mapping[str, Any]) -> ItemPath:
    workspace, item, path = (
        str(detail.get(key) or "") for key in ("workspaceId", "itemId", "path")
    )
    lakehouse = parse_lakehouse(f"{workspace}/{item}", field="target")
    return ItemPath(lakehouse, check_segments(path.strip("/"), value=path, field="target"))


def _storage(detail: Mapping[str, Any]) -> StorageUrl:
    location, subpath = (str(detail.get(key) or "").strip("/") for key in ("location", "subpath"))
    return parse_storage_url(f"{location}/{quote(subpath, safe='/$')}", field="target")
