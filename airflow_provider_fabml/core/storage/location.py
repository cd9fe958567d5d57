"""A place has one value: every spelling of a path is resolved once to a `Location`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.mapping import (
    MappingRow,
    below,
    parse_mapping,
    row_for_datastore,
    row_for_shortcut,
    row_for_storage,
)
from airflow_provider_fabml.core.storage.shortcuts.item_path import (
    ItemPath,
    Lakehouse,
    is_item_text,
    item_path_at,
    parse_item_path,
)
from airflow_provider_fabml.core.storage.storage_url import is_onelake_endpoint
from airflow_provider_fabml.core.storage.uri import AssetUri, DatastoreUri, StorageUrl, parse_uri
from airflow_provider_fabml.core.storage.uri_text import check_segments, waits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Location", "MappingRow", "endpoint_of", "parse_mapping", "resolve"]

_ONELAKE = "https://onelake.blob.fabric.microsoft.com"


class Location(NamedTuple):
    """A folder or file in a storage account, and the datastore that shows it to Azure ML.

    `path` has no slash at either end and may be empty (the container's root); `endpoint` is the
    blob service's base URL; `datastore` is ``datastores/<name>``, long form included, or None.
    """

    account: str
    container: str
    path: str
    endpoint: str
    datastore: str | None = None

    @property
    def url(self) -> str:
        """The https URL of the blob or folder, percent-encoded and without secrets."""
        place = "/".join(
            part for part in (quote(self.container, safe="$"), quote(self.path)) if part
        )
        return f"{self.endpoint}/{place}"

    @property
    def datastore_uri(self) -> str | None:
        """The ``azureml://`` URI, or None without a datastore or at the root (Azure ML has none)."""
        if self.datastore is None or not self.path:
            return None
        return f"azureml://{self.datastore}/paths/{self.path}"

    def child(self, relative: str) -> Location:
        """Give a place below this one.

        :raises UsageError: if `relative` has empty, ``.`` or ``..`` segments.
        """
        check_segments(relative, value=relative, field="relative path")
        return self._replace(path=f"{self.path}/{relative}".strip("/"))

    def to_json(self) -> dict[str, str | None]:
        """Give plain JSON, which XCom and trigger arguments take."""
        return self._asdict()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Location:
        """Read what `to_json` gave; other keys are ignored."""
        return cls(**{name: value.get(name) for name in cls._fields})  # type: ignore[arg-type]


def resolve(
    text: object,
    mapping: Sequence[MappingRow],
    *,
    default_endpoint: str | None = None,
    lakehouse: Lakehouse | None = None,
    field: str,
) -> Location:
    """Find the place that `text` names in any spelling.

    :param text: a URI as `parse_uri` takes it, or ``[[<workspace>/]<item>/]Files/<path>``.
    :param mapping: the connection's rows; the longest segment-wise prefix wins.
    :param default_endpoint: the connection's blob service URL; its cloud or emulator also serves
        the accounts of rows that name no endpoint.
    :param lakehouse: the connection's own; paths that no row covers are its own files, which
        OneLake serves itself.
    :raises UsageError: rules of `parse_uri`, ``shortcut-*``, ``lakehouse-*``,
        ``datastore-unmapped``, ``location-asset``.
    """
    if isinstance(text, str) and is_item_text(text):
        return _from_item_text(text, mapping, default_endpoint, lakehouse, field)
    uri = _storage_uri(text, field)
    if isinstance(uri, DatastoreUri):
        return _from_datastore(uri, mapping, default_endpoint, field)
    return _from_url(uri, mapping, default_endpoint, field)


def _storage_uri(text: object, field: str) -> DatastoreUri | StorageUrl:
    uri = parse_uri(text, field=field)
    if isinstance(uri, AssetUri):
        raise UsageError(
            rule="location-asset",
            field=field,
            value=str(uri),
            reason="a registered asset or job output is no path in storage; only Azure ML knows "
            "where its bytes are",
            remedy="write the datastore or storage URI of the folder itself.",
        )
    return uri


# Which lakehouse the connection has is not known when a DAG is parsed.
_ANY = Lakehouse("any", "any.Lakehouse")


def check_path_shape(text: object, *, field: str) -> None:
    """Refuse what no connection could mend; what still waits for its value passes.

    :raises UsageError: rules of `parse_uri`, ``lakehouse-*`` and ``location-asset``.
    """
    if waits(text):
        return
    if isinstance(text, str) and is_item_text(text):
        parse_item_path(text, _ANY, field=field)
        return
    uri = _storage_uri(text, field)
    if isinstance(uri, StorageUrl) and uri.is_onelake:
        item_path_at(uri.container, uri.path, field=field)


def _from_item_text(
    text: str,
    mapping: Sequence[MappingRow],
    default_endpoint: str | None,
    home: Lakehouse | None,
    field: str,
) -> Location:
    lakehouse, path = parse_item_path(text, home, field=field)
    row = row_for_shortcut(path, mapping, lakehouse=lakehouse, field=field)
    if row is not None:
        return _place(row, below(path, row.shortcut or ""), mapping, default_endpoint)
    if lakehouse is None:
        raise UsageError(
            rule="shortcut-unmapped",
            field=field,
            value=text,
            reason="no mapping row of the connection says where this shortcut points to",
            remedy=f'add {{"shortcut": "{"/".join(path.split("/")[:2])}", "account": ..., '
            '"container": ..., "prefix": ..., "datastore": ...} to the connection\'s mapping, '
            "or name its lakehouse.",
        )
    return onelake_location(ItemPath(lakehouse, path), default_endpoint)


def _from_datastore(
    uri: DatastoreUri, mapping: Sequence[MappingRow], default_endpoint: str | None, field: str
) -> Location:
    row = row_for_datastore(uri.datastore, mapping)
    if row is None:
        raise UsageError(
            rule="datastore-unmapped",
            field=field,
            value=str(uri),
            reason=f"no mapping row of the connection says which container {uri.datastore!r} is",
            remedy=f'add {{"datastore": "{uri.datastore}", "account": ..., "container": ...}} to '
            "the connection's mapping.",
        )
    endpoint = endpoint_of(row, default_endpoint)
    return Location(row.account, row.container, uri.path.rstrip("/"), endpoint, uri.store)


def _from_url(
    url: StorageUrl, mapping: Sequence[MappingRow], default_endpoint: str | None, field: str
) -> Location:
    """Translate a OneLake URL below a mapped shortcut; other URLs gain their datastore."""
    if not url.is_onelake:
        return storage_location(url, mapping)
    found = item_path_at(url.container, url.path, field=field)
    if found is not None:
        row = row_for_shortcut(found.path, mapping, lakehouse=found.lakehouse, field=field)
        if row is not None:
            return _place(row, below(found.path, row.shortcut or ""), mapping, default_endpoint)
    return Location(url.account, url.container, url.path, url.endpoint)


def storage_location(url: StorageUrl, mapping: Sequence[MappingRow]) -> Location:
    """Give a place in a storage account its datastore, where a row names one."""
    row = row_for_storage(url.account, url.container, url.path, mapping)
    datastore = f"datastores/{row.datastore}" if row and row.datastore else None
    return Location(url.account, url.container, url.path, url.endpoint, datastore)


def onelake_location(place: ItemPath, endpoint: str | None) -> Location:
    """Give a place that OneLake serves itself, by `endpoint` where that is one of its hosts."""
    (workspace, item), path = place
    known = endpoint if endpoint and is_onelake_endpoint(endpoint) else _ONELAKE
    return Location("onelake", workspace, f"{item}/{path}", known)


def _place(
    row: MappingRow, rest: str, mapping: Sequence[MappingRow], default_endpoint: str | None
) -> Location:
    """Give the place a row's shortcut shows; another row may name its container's datastore."""
    path = "/".join(part for part in (row.prefix, rest) if part)
    endpoint = endpoint_of(row, default_endpoint)
    return storage_location(
        StorageUrl(row.account, row.container, path, endpoint), [row] if row.datastore else mapping
    )


def endpoint_of(row: MappingRow, default_endpoint: str | None) -> str:
    """Give the blob service URL of a row's account, in the cloud of the connection's own."""
    if row.endpoint:
        return row.endpoint
    if default_endpoint is None:
        return f"https://{row.account}.blob.core.windows.net"
    scheme, _, rest = default_endpoint.partition("://")
    host, _, path = rest.partition("/")
    if path:
        return f"{scheme}://{host}/{row.account}"
    _, _, suffix = host.partition(".")
    # A host that does not begin with an account (OneLake) says nothing about other accounts.
    if not suffix.startswith("blob.") or is_onelake_endpoint(default_endpoint):
        return f"https://{row.account}.blob.core.windows.net"
    return f"{scheme}://{row.account}.{suffix}"
