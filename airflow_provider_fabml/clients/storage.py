"""Storage as the provider needs it: look, list, read the start of a blob. Blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from airflow_provider_fabml.clients.predicates import load_predicate
from airflow_provider_fabml.clients.storage_common import (
    STORAGE_SCOPE,
    BlobFacts,
    Clock,
    Lines,
    RowCount,
    client_arguments,
    content_of,
    drive,
    make_service,
    to_answer,
    to_blob,
    translated,
    whole_size,
)
from airflow_provider_fabml.clients.transport_errors import readable_token
from airflow_provider_fabml.core.arrivals.survey import survey
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.probe import (
    PAGE_SIZE,
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
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_fabml.core.arrivals.survey import Survey, Watch
    from airflow_provider_fabml.core.connections.storage_connection import StorageSettings
    from airflow_provider_fabml.core.storage.location import Location
    from airflow_provider_fabml.core.storage.readiness import Rules
    from airflow_provider_fabml.core.storage.seen import Blob, Verdict

__all__ = ["BlobFacts", "RowCount", "StorageClient"]


class StorageClient:
    """One identity, any location its connection may reach. Close it, or use it in a `with`.

    Every method raises `PermanentError` (403, container missing), `TransientError` (429, 5xx, no
    connection) or `UsageError` (a location the connection's secrets must not go to).

    :param retry_total: the SDK's own retries, for requests that may be repeated.
    :param request_hook: called with each request of the SDK's pipeline.
    """

    def __init__(
        self,
        settings: StorageSettings,
        *,
        retry_total: int = 2,
        request_hook: Callable[[Any], None] | None = None,
    ) -> None:
        self._settings = settings
        self._arguments = client_arguments(
            settings, retry_total=retry_total, request_hook=request_hook
        )
        self._identity: Any = None
        self._services: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the credential."""
        for service in self._services.values():
            service.close()
        self._services.clear()
        if self._identity is not None:
            self._identity.close()
            self._identity = None

    def probe(self, location: Location, rules: Rules) -> Verdict:
        """Judge whether the data has landed, in one request while nothing is there."""
        talk = look(location.path, rules, load_predicate(rules.predicate))
        return drive(talk, lambda ask: self.answer(location, ask))

    def survey(self, root: Location, watches: Iterable[Watch]) -> Survey:
        """Judge all partitions of a tree in one listing."""
        return drive(survey(root.path, watches), lambda ask: self.answer(root, ask))

    def exists_any(self, location: Location) -> bool:
        """Whether any blob lies at or below the location; directories alone do not count."""
        return drive(occupied(location.path), lambda ask: self.answer(location, ask))

    def list_pages(
        self, location: Location, *, page_size: int = PAGE_SIZE
    ) -> Iterator[tuple[Blob, ...]]:
        """Give what lies below the location, page by page, directories included."""
        prefix, token = f"{location.path}/" if location.path else "", None
        while True:
            page = self.answer(location, ListPage(prefix, token=token, size=page_size))
            yield page.blobs
            token = page.token
            if token is None:
                return

    def head(self, location: Location) -> BlobFacts | None:
        """Give the facts of one blob, or None if it is not there or is a directory."""
        found = self.answer(location, HeadBlob(location.path)).blobs
        file = next((blob for blob in found if not blob.is_directory), None)
        return BlobFacts(file.size, file.last_modified, file.etag) if file else None

    def read_start(self, location: Location, n: int) -> bytes:
        """Give the first `n` bytes of a blob, fewer if it is shorter."""
        with translated(location):
            stream = self._download(location, n)
            return bytes(stream.readall()) if stream is not None else b""

    def count_rows(self, location: Location, max_bytes: int) -> RowCount:
        """Count the lines in the first `max_bytes` of a text blob."""
        lines = Lines()
        with translated(location):
            stream = self._download(location, max_bytes)
            if stream is None:
                return lines.result(0)
            for chunk in stream.chunks():
                lines.feed(chunk)
            return lines.result(whole_size(stream.properties))

    def _download(self, location: Location, length: int) -> Any:
        """Open the start of a blob; None if it is empty, which has no range to ask for (416)."""
        from azure.core.exceptions import HttpResponseError

        try:
            return self._blob(location).download_blob(offset=0, length=length)
        except HttpResponseError as error:
            if error.status_code == 416:
                return None
            raise

    def write(self, location: Location, content: bytes) -> None:
        """Put a small blob, in one request; what lay there before is replaced."""
        with translated(location):
            self._blob(location).upload_blob(content, overwrite=True)

    def create(self, location: Location, content: bytes) -> bool:
        """Put a small blob where there is none; False where there is one."""
        return self._put_if(location, content, overwrite=False)

    def replace(self, location: Location, content: bytes, etag: str) -> bool:
        """Put a small blob in the place of this version of it; False where it is another by now."""
        from azure.core import MatchConditions

        same = {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}
        return self._put_if(location, content, overwrite=True, **same)

    def _put_if(self, location: Location, content: bytes, **condition: Any) -> bool:
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        with translated(location):
            try:
                self._blob(location).upload_blob(content, **condition)
            except (ResourceExistsError, ResourceModifiedError):
                return False
            return True

    def may_reach(self, location: Location) -> bool:
        """Whether the connection's secrets may be used for this location at all."""
        try:
            check_destination(self._settings, location)
        except UsageError:
            return False
        return True

    def check_access(self, location: Location) -> None:
        """List one name below the location, or, where it has no container, one container."""
        if location.container:
            self.answer(location, ListPage(location.path, size=1))
            return
        with translated(location):
            next(self._service(location).list_containers(results_per_page=1).by_page(), None)

    def _service(self, location: Location) -> Any:
        check_destination(self._settings, location)
        if location.endpoint not in self._services:
            from azure.storage.blob import BlobServiceClient

            self._services[location.endpoint] = make_service(
                BlobServiceClient, self._settings, location, self._credential(), self._arguments
            )
        return self._services[location.endpoint]

    def _credential(self) -> Any:
        spec = self._settings.credential
        if spec is not None and self._identity is None:
            from airflow_provider_fabml.clients.credentials import make_credential

            self._identity = make_credential(
                spec, ca_bundle=self._settings.ca_bundle, proxies=dict(self._settings.proxies)
            )
            # Inside a request the SDK would repeat a refused identity as if it could pass.
            with readable_token():
                self._identity.get_token(STORAGE_SCOPE)
        return self._identity

    def _blob(self, location: Location, path: str | None = None) -> Any:
        service = self._service(location)
        return service.get_blob_client(location.container, location.path if path is None else path)

    def answer(self, location: Location, request: Request) -> Answer:
        """Carry one request of a conversation of `core.storage`."""
        with translated(location):
            if isinstance(request, HeadBlob):
                return self._head(location, request.path)
            if isinstance(request, ReadBlob):
                return self._read(location, request)
            return self._page(location, request)

    def _read(self, location: Location, request: ReadBlob) -> Answer:
        from azure.core.exceptions import HttpResponseError

        clock = Clock()
        try:
            stream = self._blob(location, request.path).download_blob(
                offset=0, length=request.size, raw_response_hook=clock
            )
            return Answer((), clock.now, content=bytes(stream.readall()))
        except HttpResponseError as error:
            return Answer((), clock.now, content=content_of(error))

    def _head(self, location: Location, path: str) -> Answer:
        from azure.core.exceptions import HttpResponseError

        clock = Clock()
        try:
            found = self._blob(location, path).get_blob_properties(raw_response_hook=clock)
        except HttpResponseError as error:
            content_of(error)
            return Answer((), clock.now)
        return Answer((to_blob(found),), clock.now)

    def _page(self, location: Location, request: ListPage) -> Answer:
        container, clock = self._service(location).get_container_client(location.container), Clock()
        listing = container.walk_blobs if request.delimited else container.list_blobs
        pages = listing(
            name_starts_with=request.prefix or None,
            include=["metadata"],
            results_per_page=request.size,
            raw_response_hook=clock,
        ).by_page(request.token)
        items = list(next(pages, ()))
        return to_answer(items, clock.now, pages.continuation_token)
