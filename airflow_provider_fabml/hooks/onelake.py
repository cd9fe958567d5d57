"""An Airflow connection of type ``onelake`` (or ``wasb``) becomes a client of storage."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from airflow.sdk import BaseHook

from airflow_provider_fabml.core.connections.storage_connection import (
    StorageSettings,
    parse_storage_connection,
)
from airflow_provider_fabml.core.errors import FabmlError
from airflow_provider_fabml.core.storage.location import Location, onelake_location, resolve
from airflow_provider_fabml.core.storage.shortcuts.item_path import ItemPath
from airflow_provider_fabml.core.storage.storage_url import is_onelake_endpoint
from airflow_provider_fabml.core.storage.translation import end_location, item_path_of
from airflow_provider_fabml.hooks.airflow_errors import connection_found

if TYPE_CHECKING:
    from airflow_provider_fabml.clients.storage import StorageClient
    from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient


class OneLakeStorageHook(BaseHook):
    """ADLS Gen2 and OneLake through an Airflow connection.

    :param onelake_conn_id: a connection of type ``onelake`` or ``wasb``: blob endpoint, identity,
        and mapping rows that say which shortcut is which container and datastore.
    """

    conn_name_attr = "onelake_conn_id"
    default_conn_name = "onelake_default"
    conn_type = "onelake"
    hook_name = "OneLake / ADLS Gen2"

    def __init__(self, onelake_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.onelake_conn_id = onelake_conn_id
        self._settings: StorageSettings | None = None

    def get_settings(self) -> StorageSettings:
        """The connection as a value.

        :raises UsageError: naming the field to mend.
        :raises PermanentError: where it is not defined.
        """
        if self._settings is None:
            with connection_found(self.onelake_conn_id):
                connection = self.get_connection(self.onelake_conn_id)
            self._settings = self._read(connection)
        return self._settings

    async def aget_settings(self) -> StorageSettings:
        """The connection as a value, for a trigger."""
        if self._settings is None:
            with connection_found(self.onelake_conn_id):
                connection = await self.aget_connection(self.onelake_conn_id)
            self._settings = self._read(connection)
        return self._settings

    def _read(self, connection: Any) -> StorageSettings:
        settings = parse_storage_connection(
            host=connection.host,
            login=connection.login,
            password=connection.password,
            extra=connection.extra_dejson,
            field=f"connection {self.onelake_conn_id!r}",
        )
        _mask(settings)
        return settings

    def resolve(self, path: str, *, field: str = "path") -> Location:
        """Find the place that `path` names in any spelling.

        Where the connection says ``shortcuts = fabric``, Fabric is asked about what no mapping row
        covers; a trigger uses `aresolve`, which does not hold up its loop meanwhile.

        :raises UsageError: if it is malformed, or nothing says where its shortcut or datastore is.
        :raises FabmlError: if Fabric refuses to tell, or its shortcut leads elsewhere.
        """
        settings = self.get_settings()
        place = _resolved(settings, path, field)
        item = item_path_of(place) if settings.fabric_api else None
        return place if item is None else _told_by_fabric(settings, place, item)

    async def aresolve(self, path: str, *, field: str = "path") -> Location:
        """The same as `resolve`, for a trigger."""
        settings = await self.aget_settings()
        place = _resolved(settings, path, field)
        item = item_path_of(place) if settings.fabric_api else None
        if item is None:
            return place
        return await asyncio.to_thread(_told_by_fabric, settings, place, item)

    def get_client(self, *, retry_total: int = 2) -> StorageClient:
        """A client for blocking code; use it in a `with`.

        :param retry_total: retries of one request within seconds; a poller needs few.
        """
        from airflow_provider_fabml.clients.storage import StorageClient

        return StorageClient(self.get_settings(), retry_total=retry_total)

    def get_conn(self) -> StorageClient:
        """The same as `get_client`, under the name every hook has."""
        return self.get_client()

    async def aget_client(self) -> AsyncStorageClient:
        """A client for asyncio; use it in an `async with`."""
        from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient

        return AsyncStorageClient(await self.aget_settings())

    def test_connection(self) -> tuple[bool, str]:
        """List one blob name of each mapped container, or one container without a mapping.

        Fabric is asked for the shortcuts of the connection's lakehouse, where it is to be asked.
        """
        try:
            settings = self.get_settings()
            places = _places(settings)
            with self.get_client() as client:
                for place in places:
                    client.check_access(place)
            shown = [place.url for place in places] + _shortcuts_listed(settings)
        except FabmlError as error:
            return False, str(error)
        if not shown:
            return True, "The fields are complete; nothing was asked, as no account is named."
        return True, f"Listed {', '.join(shown)}"


def _resolved(settings: StorageSettings, path: str, field: str) -> Location:
    return resolve(
        path,
        settings.mapping,
        default_endpoint=settings.endpoint,
        lakehouse=settings.lakehouse,
        field=field,
    )


def _told_by_fabric(settings: StorageSettings, place: Location, item: ItemPath) -> Location:
    from airflow_provider_fabml.clients.fabric import FabricClient

    with FabricClient(settings) as client:
        end = client.locate(item)
    return end_location(end, place, settings.mapping, settings.endpoint)


def _shortcuts_listed(settings: StorageSettings) -> list[str]:
    if settings.fabric_api is None or settings.lakehouse is None:
        return []
    from airflow_provider_fabml.clients.fabric import FabricClient

    with FabricClient(settings) as client:
        client.locate(ItemPath(settings.lakehouse, "Files"))
    return [f"the shortcuts of {settings.lakehouse}"]


def _places(settings: StorageSettings) -> list[Location]:
    """Where a test may look: the mapped containers, else the account itself.

    OneLake's account cannot be listed, so the connection's lakehouse stands for it.
    """
    rows = [
        resolve(
            f"azureml://datastores/{row.datastore}/paths/x"
            if row.datastore
            else "/".join(part for part in (row.lakehouse, row.shortcut) if part),
            settings.mapping,
            default_endpoint=settings.endpoint,
            field="mapping",
        )._replace(path="", datastore=None)
        for row in settings.mapping
    ]
    if rows or settings.endpoint is None:
        return list(dict.fromkeys(rows))
    if is_onelake_endpoint(settings.endpoint):
        home = settings.lakehouse
        return [onelake_location(ItemPath(home, "Files"), settings.endpoint)] if home else []
    account = settings.endpoint.rpartition("/")[2].partition(".")[0]
    return [Location(account, "", "", settings.endpoint)]


def _mask(settings: StorageSettings) -> None:
    """Hide every secret in logs, and a SAS also in the forms it takes within a URL."""
    from airflow.sdk.log import mask_secret

    for secret in settings.secrets:
        mask_secret(secret)
        for signature in parse_qs(secret.rpartition("?")[2]).get("sig", ()):
            mask_secret(signature)
            mask_secret(quote(signature, safe=""))
