"""The Microsoft Entra identity of a storage connection, for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.clients.storage_common import STORAGE_SCOPE
from airflow_provider_fabml.clients.transport_errors import readable_token

if TYPE_CHECKING:
    from airflow_provider_fabml.core.connections.storage_connection import StorageSettings


class AsyncIdentity:
    """The credential of a connection, made at the first use; None with a key or a SAS."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._credential: Any = None

    async def signed_in(self) -> Any:
        """Give the credential. Within a request the SDK would repeat a refused identity."""
        spec = self._settings.credential
        if spec is not None and self._credential is None:
            from airflow_provider_fabml.clients.credentials import make_async_credential

            self._credential = make_async_credential(
                spec, ca_bundle=self._settings.ca_bundle, proxies=dict(self._settings.proxies)
            )
            with readable_token():
                await self._credential.get_token(STORAGE_SCOPE)
        return self._credential

    async def close(self) -> None:
        """Close it; the SDK's clients leave that to us."""
        credential, self._credential = self._credential, None
        if credential is not None:
            await credential.close()
