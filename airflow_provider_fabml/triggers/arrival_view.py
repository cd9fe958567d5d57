"""What is known of a tree: looks at all of it, or at folders of it, and keeps what it saw."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.arrivals.wake import renewed, ripe_after
from airflow_provider_fabml.core.storage.mapping import is_below
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.triggers.quiet_close import close_quietly

if TYPE_CHECKING:
    from collections.abc import Set

    from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient
    from airflow_provider_fabml.core.arrivals.survey import Survey, Watch
    from airflow_provider_fabml.core.arrivals.wake import Wake
    from airflow_provider_fabml.core.storage.location import Location


class TreeView:
    """`survey` is of the whole tree, at `root`, once there was a look.

    `ripe` says when (`time.monotonic`) folders whose files were too young will be old enough.

    :param onelake_conn_id: the connection.
    :param path: the tree, in any spelling.
    """

    def __init__(self, onelake_conn_id: str, path: str) -> None:
        self._onelake_conn_id, self._path = onelake_conn_id, path
        self._client: AsyncStorageClient | None = None
        self.root: Location | None = None
        self.survey: Survey | None = None
        self.ripe: dict[str, float] = {}

    async def look(self, wake: Wake, watches: Set[Watch]) -> None:
        """Look at what `wake` names, or at everything where a watch has not seen it yet.

        :raises FabmlError: as `AsyncStorageClient.survey` does.
        """
        client, root = await self._connected()
        if wake.whole or self.survey is None or not watches <= set(self.survey.found):
            self.survey = await client.survey(root, watches)
            self.ripe = _instants(ripe_after(self.survey))
            return
        for folder in sorted(wake.folders):
            part = await client.survey(root, watches, under=folder)
            self.survey = renewed(self.survey, part, folder)
            older = {name: at for name, at in self.ripe.items() if not is_below(name, folder)}
            self.ripe = {**older, **_instants(ripe_after(part, folder))}

    async def _connected(self) -> tuple[AsyncStorageClient, Location]:
        """Read the connection anew after each failure: it may have been mended."""
        if self._client is None or self.root is None:
            hook = OneLakeStorageHook(self._onelake_conn_id)
            client = await hook.aget_client()
            self.root = await hook.aresolve(self._path)
            self._client = await client.__aenter__()
        return self._client, self.root

    async def close(self) -> None:
        """Close the connections; that they cannot be closed ends no watcher."""
        client, self._client = self._client, None
        await close_quietly(client)


def _instants(seconds: dict[str, float]) -> dict[str, float]:
    now = time.monotonic()
    return {folder: now + left for folder, left in seconds.items()}
