"""What the asyncio clients of storage share: a connection's identity, and its service clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.clients.beside import beside
from airflow_provider_fabml.clients.storage_common import (
    STORAGE_SCOPE,
    client_arguments,
    make_service,
)
from airflow_provider_fabml.clients.transport_errors import readable_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.core.connections.storage_connection import StorageSettings
    from airflow_provider_fabml.core.storage.location import Location


class AsyncSession:
    """One identity and, for each endpoint, one service client; closed at the end of `async with`.

    Requests run beside the caller's loop (`clients.beside`).
    """

    def __init__(
        self,
        settings: StorageSettings,
        *,
        retry_total: int = 1,
        request_hook: Callable[[Any], None] | None = None,
    ) -> None:
        self._settings = settings
        self._arguments = client_arguments(
            settings, retry_total=retry_total, request_hook=request_hook
        )
        self._identity: Any = None
        self._services: dict[str, Any] = {}

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections and the credential; the SDK's client leaves the latter open."""
        await beside(self._close())

    async def _close(self) -> None:
        for service in self._services.values():
            await service.close()
        self._services.clear()
        if self._identity is not None:
            await self._identity.close()
            self._identity = None

    async def _service(self, kind: Any, location: Location) -> Any:
        """Give the client of a location's endpoint; `kind` is the SDK's class."""
        await self._sign_in()
        if location.endpoint not in self._services:
            self._services[location.endpoint] = make_service(
                kind, self._settings, location, self._identity, self._arguments
            )
        return self._services[location.endpoint]

    async def _sign_in(self) -> None:
        """Make the credential; within a request the SDK would repeat a refused identity."""
        spec = self._settings.credential
        if spec is not None and self._identity is None:
            from airflow_provider_fabml.clients.credentials import make_async_credential

            self._identity = make_async_credential(
                spec, ca_bundle=self._settings.ca_bundle, proxies=dict(self._settings.proxies)
            )
            with readable_token():
                await self._identity.get_token(STORAGE_SCOPE)
