"""The storage connection of a scoring task becomes its data checks."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.errors import FabmlError, UsageError
from airflow_provider_fabml.core.storage.location import Location, MappingRow, resolve
from airflow_provider_fabml.core.storage.uri import AssetUri, DatastoreUri, parse_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.clients.data_checks import DataChecks
    from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook


@contextmanager
def data_checks(
    storage_conn_id: str | None, workspace: BatchEndpointClient
) -> Iterator[DataChecks | None]:
    """The checks of a connection, or None without one.

    A datastore that the connection's mapping does not know is asked of the workspace.
    """
    if not storage_conn_id:
        yield None
        return
    from airflow_provider_fabml.clients.data_checks import DataChecks
    from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook

    hook = OneLakeStorageHook(storage_conn_id)
    places = _Places(hook, workspace)
    with hook.get_client() as storage:
        yield DataChecks(storage, places.find)


class _Places:
    """Remembers what the workspace told of its datastores while one task runs."""

    def __init__(self, hook: OneLakeStorageHook, workspace: BatchEndpointClient) -> None:
        self._hook, self._workspace = hook, workspace
        self._rows: dict[str, MappingRow] = {}

    def find(self, uri: str, field: str) -> Location | None:
        parsed = parse_uri(uri, field=field, web=True)
        if isinstance(parsed, AssetUri):
            return None
        try:
            return self._hook.resolve(uri)
        except UsageError as error:
            if error.rule != "datastore-unmapped" or not isinstance(parsed, DatastoreUri):
                raise
        return resolve(uri, [self._row(parsed.datastore)], field=field)

    def _row(self, datastore: str) -> MappingRow:
        if datastore not in self._rows:
            told = (self._workspace.get_datastore(datastore)).get("properties") or {}
            self._rows[datastore] = datastore_row(datastore, told)
        return self._rows[datastore]


def datastore_row(name: str, properties: dict[str, str]) -> MappingRow:
    """The mapping row of a datastore resource (recording ``datastores_2026-02``).

    Raises ``FabmlError`` for datastores that are no Azure storage container.
    """
    account = properties.get("accountName")
    container = properties.get("containerName") or properties.get("filesystem")
    if not account or not container:
        raise FabmlError(
            f"datastore {name!r} is of type {properties.get('datastoreType')!r}, which has no container",
            remedy="use a datastore of type Azure Blob or Azure Data Lake Gen2",
        )
    suffix = properties.get("endpoint") or "core.windows.net"
    protocol = properties.get("protocol") or "https"
    endpoint = f"{protocol}://{account}.blob.{suffix}"
    return MappingRow(None, account, container, "", name, endpoint)
