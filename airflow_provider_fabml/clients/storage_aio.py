"""The asyncio twin of `clients.storage`, with what triggers need."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, TypeVar

from airflow_provider_fabml.clients.async_session import AsyncSession
from airflow_provider_fabml.clients.beside import beside
from airflow_provider_fabml.clients.predicates import load_predicate
from airflow_provider_fabml.clients.storage_common import (
    BlobFacts,
    Clock,
    Concluded,
    content_of,
    send,
    to_answer,
    to_blob,
    translated,
)
from airflow_provider_fabml.core.arrivals.survey import survey
from airflow_provider_fabml.core.storage.probe import (
    Answer,
    HeadBlob,
    ListPage,
    ReadBlob,
    Request,
    look,
    occupied,
)
from airflow_provider_fabml.core.storage.storage_hosts import check_destination

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from airflow_provider_fabml.core.arrivals.survey import Survey, Watch
    from airflow_provider_fabml.core.storage.location import Location
    from airflow_provider_fabml.core.storage.readiness import Rules
    from airflow_provider_fabml.core.storage.seen import Verdict

V = TypeVar("V")


class AsyncStorageClient(AsyncSession):
    """One identity, any location its connection may reach. `async with` it.

    Errors are those of `StorageClient`. Its requests run beside the caller's loop (`clients.beside`).
    """

    async def __aenter__(self) -> Self:
        # The import takes some 0.3 s, during which no other trigger of the loop could run.
        await asyncio.to_thread(_import_sdk)
        return self

    async def probe(self, location: Location, rules: Rules) -> Verdict:
        """Judge whether the data has landed, in one request while nothing is there."""
        if rules.predicate is None:
            return await self.converse(location, look(location.path, rules))
        # A user's module and function may take their time: neither runs on a loop.
        predicate = await asyncio.to_thread(load_predicate, rules.predicate)
        talk = look(location.path, rules, predicate)
        return await beside(self._drive(location, talk, threaded=True))

    async def converse(self, location: Location, talk: Generator[Request, Answer, V]) -> V:
        """Carry the requests of a conversation of `core.storage` until it concludes."""
        return await beside(self._drive(location, talk))

    async def survey(
        self, root: Location, watches: Iterable[Watch], *, under: str | None = None
    ) -> Survey:
        """Judge all partitions of a tree in one listing; with `under`, those in a folder of it."""
        # Many watches of one page may take longer than an event loop can spare.
        talk = survey(root.path, watches, under=under)
        return await beside(self._drive(root, talk, threaded=True))

    async def exists_any(self, location: Location) -> bool:
        """Whether any blob lies at or below the location; directories alone do not count."""
        return await self.converse(location, occupied(location.path))

    async def head(self, location: Location) -> BlobFacts | None:
        """Give the facts of one blob, or None if it is not there or is a directory."""
        found = (await beside(self._answer(location, HeadBlob(location.path)))).blobs
        file = next((blob for blob in found if not blob.is_directory), None)
        return BlobFacts(file.size, file.last_modified, file.etag) if file else None

    async def _drive(
        self, location: Location, talk: Generator[Request, Answer, V], *, threaded: bool = False
    ) -> V:
        request = next(talk)
        while True:
            given = await self._answer(location, request)
            step = await asyncio.to_thread(send, talk, given) if threaded else send(talk, given)
            if isinstance(step, Concluded):
                value: V = step.value
                return value
            request = step

    async def _answer(self, location: Location, request: Request) -> Answer:
        from azure.storage.blob.aio import BlobServiceClient

        check_destination(self._settings, location)
        with translated(location):
            service = await self._service(BlobServiceClient, location)
            container = service.get_container_client(location.container)
            if isinstance(request, HeadBlob):
                return await self._head(container, request.path)
            if isinstance(request, ReadBlob):
                return await self._read(container, request)
            return await self._page(container, request)

    async def _read(self, container: Any, request: ReadBlob) -> Answer:
        from azure.core.exceptions import HttpResponseError

        clock = Clock()
        blob = container.get_blob_client(request.path)
        try:
            stream = await blob.download_blob(
                offset=0, length=request.size, raw_response_hook=clock
            )
            return Answer((), clock.now, content=bytes(await stream.readall()))
        except HttpResponseError as error:
            return Answer((), clock.now, content=content_of(error))

    async def _head(self, container: Any, path: str) -> Answer:
        from azure.core.exceptions import HttpResponseError

        clock = Clock()
        blob = container.get_blob_client(path)
        try:
            found = await blob.get_blob_properties(raw_response_hook=clock)
        except HttpResponseError as error:
            content_of(error)
            return Answer((), clock.now)
        return Answer((to_blob(found),), clock.now)

    async def _page(self, container: Any, request: ListPage) -> Answer:
        clock = Clock()
        listing = container.walk_blobs if request.delimited else container.list_blobs
        pages = listing(
            name_starts_with=request.prefix or None,
            include=["metadata"],
            results_per_page=request.size,
            raw_response_hook=clock,
        ).by_page(request.token)
        items: list[Any] = []
        async for page in pages:
            items = [item async for item in page]
            break
        return to_answer(items, clock.now, pages.continuation_token)


def _import_sdk() -> None:
    import azure.identity.aio
    import azure.storage.blob.aio  # noqa: F401
