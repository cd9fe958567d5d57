"""A client that a watcher no longer needs: that it cannot be closed ends nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fabml.clients.async_session import AsyncSession

log = logging.getLogger(__name__)


async def close_quietly(client: AsyncSession | None) -> None:
    """Close a client, if there is one."""
    if client is None:
        return
    try:
        await client.close()
    except Exception as error:  # noqa: BLE001 - what leaves a watcher restarts it every 2 s
        log.debug("A client was not closed: %r", error)
