"""The ways between a place's spellings: where shortcuts end, and by which path a lakehouse shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.location import (
    Location,
    endpoint_of,
    onelake_location,
    storage_location,
)
from airflow_provider_fabml.core.storage.mapping import (
    MappingRow,
    below,
    row_for_shortcut,
    rows_showing,
)
from airflow_provider_fabml.core.storage.shortcuts.item_path import (
    ItemPath,
    item_path_at,
    parse_item_path,
)
from airflow_provider_fabml.core.storage.storage_url import is_onelake_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_fabml.core.storage.storage_url import StorageUrl


def end_location(
    end: StorageUrl | ItemPath,
    near: Location,
    mapping: Sequence[MappingRow],
    default_endpoint: str | None,
) -> Location:
    """Give the place where shortcuts ended that began at `near`, with its datastore.

    An emulator that the connection names stands for every account; a region of OneLake is kept.
    """
    if isinstance(end, ItemPath):
        return onelake_location(end, near.endpoint)
    own = MappingRow(None, end.account, end.container, "", None)
    emulated = default_endpoint is not None and default_endpoint.count("/") > 2
    return storage_location(
        end._replace(endpoint=endpoint_of(own, default_endpoint)) if emulated else end, mapping
    )


def item_path_of(location: Location) -> ItemPath | None:
    """Give the item and path of a place that OneLake serves itself, or None for any other.

    :raises UsageError: as `item_path_at`.
    """
    if not is_onelake_endpoint(location.endpoint):
        return None
    return item_path_at(location.container, location.path, field="path")


def shortcut_path(location: Location, mapping: Sequence[MappingRow]) -> str | None:
    """Give the path by which a lakehouse shows this place: the way back from `resolve`.

    A row that another one hides is passed over; None where no row shows the place.
    """
    for row in rows_showing(location.account, location.container, location.path, mapping):
        path = "/".join(part for part in (row.shortcut, below(location.path, row.prefix)) if part)
        text = f"{row.lakehouse}/{path}" if row.lakehouse else path
        if _leads_to(text, row, mapping):
            return text
    own = item_path_of(location)
    return str(own) if own else None


def _leads_to(text: str, row: MappingRow, mapping: Sequence[MappingRow]) -> bool:
    try:
        lakehouse, path = parse_item_path(text, None, field="path")
        return row_for_shortcut(path, mapping, lakehouse=lakehouse, field="path") == row
    except UsageError:
        return False
