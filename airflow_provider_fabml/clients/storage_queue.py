"""Messages of an Azure Storage Queue: received, deleted, or moved to its poison queue (asyncio)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from airflow_provider_fabml.clients.async_session import AsyncSession
from airflow_provider_fabml.clients.beside import beside
from airflow_provider_fabml.clients.storage_common import translated
from airflow_provider_fabml.clients.storage_errors import QUEUE_ROLES
from airflow_provider_fabml.core.connections.queue_fields import POISON
from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.storage.storage_hosts import check_queue_destination

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_fabml.core.connections.storage_connection import StorageSettings
    from airflow_provider_fabml.core.storage.location import Location

# "Get Messages" gives at most 32 (learn.microsoft.com).
PAGE = 32
# A message is gone after seven days unless it is told to stay ("Put Message").
FOR_EVER = -1


class Message(NamedTuple):
    """A received message; its `receipt` is good until it is received again.

    :param deliveries: how often it was received, this time included.
    """

    id: str
    receipt: str
    content: str
    deliveries: int


class AsyncQueueClient(AsyncSession):
    """One queue, and the poison queue beside it. `async with` it.

    Errors are those of `StorageClient`. Its requests run beside the caller's loop (`clients.beside`).

    :param queue: its place (`core.connections.queue_place.queue_location`).
    """

    def __init__(
        self,
        settings: StorageSettings,
        queue: Location,
        *,
        request_hook: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__(settings, request_hook=request_hook)
        self._queue = queue

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(_import_sdk)
        except ImportError:
            raise PermanentError(
                "azure-storage-queue is not installed, so no queue can be read.",
                remedy="pip install 'airflow-provider-fabml[queue]' where the triggerer runs.",
            ) from None
        return self

    async def receive(self, *, hidden_for: int) -> list[Message]:
        """Take up to 32 messages; who does not delete them has them back after `hidden_for` seconds.

        The SDK's decode policy is not used: one message that is not base64 would fail all others.
        """
        return await beside(self._receive(hidden_for))

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages. One that has been received again since stays, as its receipt is old."""
        await beside(self._delete(messages))

    async def bury(self, message: Message) -> None:
        """Move a message to the poison queue, which is made if need be; it is never in neither."""
        await beside(self._bury(message))

    async def _receive(self, hidden_for: int) -> list[Message]:
        with translated(self._queue, roles=QUEUE_ROLES):
            queue = await self._client()
            found = queue.receive_messages(messages_per_page=PAGE, visibility_timeout=hidden_for)
            # The first page only: the SDK's iterator asks once more after each that has messages. Of
            # an empty queue it has none.
            page = await anext(found.by_page(), None)
            if page is None:
                return []
            return [
                Message(one.id, one.pop_receipt, one.content or "", one.dequeue_count)
                async for one in page
            ]

    async def _delete(self, messages: Sequence[Message]) -> None:
        from azure.core.exceptions import HttpResponseError

        with translated(self._queue, roles=QUEUE_ROLES):
            queue = await self._client()
            deleted = [queue.delete_message(one.id, one.receipt) for one in messages]
            for outcome in await asyncio.gather(*deleted, return_exceptions=True):
                # 404: it was received again and is deleted; 400: its receipt is no longer good.
                gone = isinstance(outcome, HttpResponseError) and outcome.status_code in {400, 404}
                if isinstance(outcome, BaseException) and not gone:
                    raise outcome

    async def _bury(self, message: Message) -> None:
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        poison_queue = self._queue._replace(container=f"{self._queue.container}{POISON}")
        with translated(poison_queue, roles=QUEUE_ROLES):
            poison = await self._client(POISON)
            try:
                await poison.send_message(message.content, time_to_live=FOR_EVER)
            except ResourceNotFoundError:
                with contextlib.suppress(ResourceExistsError):
                    await poison.create_queue()
                await poison.send_message(message.content, time_to_live=FOR_EVER)
        await self._delete([message])

    async def _client(self, suffix: str = "") -> Any:
        from azure.storage.queue.aio import QueueServiceClient

        check_queue_destination(self._settings, self._queue)
        service = await self._service(QueueServiceClient, self._queue)
        return service.get_queue_client(f"{self._queue.container}{suffix}")


def _import_sdk() -> None:
    import azure.storage.queue.aio  # noqa: F401
