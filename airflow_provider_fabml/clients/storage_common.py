"""What the blocking and the asyncio storage client share: arguments, answers and errors."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from airflow_provider_fabml.clients.quiet import quiet_azure_loggers
from airflow_provider_fabml.clients.storage_errors import BLOB_ROLES, storage_error
from airflow_provider_fabml.core.connections.connection_string import connection_fields
from airflow_provider_fabml.core.storage.probe import Answer, Request
from airflow_provider_fabml.core.storage.seen import Blob

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from airflow_provider_fabml.core.connections.storage_connection import StorageSettings
    from airflow_provider_fabml.core.storage.location import Location

CONNECT_TIMEOUT = 10
READ_TIMEOUT = 30
# The one audience of storage in every cloud, OneLake included; azure-storage-blob asks for it too.
STORAGE_SCOPE = "https://storage.azure.com/.default"


class BlobFacts(NamedTuple):
    """A blob's size in bytes, time of the last write (UTC) and version tag."""

    size: int
    last_modified: datetime
    etag: str


class RowCount(NamedTuple):
    """Lines of text; not `complete` where the blob goes on after the bytes that were read."""

    rows: int
    complete: bool


class Lines:
    """Counts lines over chunks; a last line without line break counts as one."""

    def __init__(self) -> None:
        self.rows, self.read, self.open = 0, 0, False

    def feed(self, chunk: bytes) -> None:
        """Count one chunk."""
        if chunk:
            self.rows += chunk.count(b"\n")
            self.read += len(chunk)
            self.open = not chunk.endswith(b"\n")

    def result(self, size: int) -> RowCount:
        """Give the count for a blob of `size` bytes."""
        complete = self.read >= size
        return RowCount(self.rows + (self.open and complete), complete)


def whole_size(properties: Any) -> int:
    """Give the blob's size; `size` of a partial download is that of the part."""
    total = str(properties.content_range or "").rpartition("/")[2]
    return int(total) if total.isdigit() else int(properties.size)


def client_arguments(
    settings: StorageSettings, *, retry_total: int, request_hook: Callable[[Any], None] | None
) -> dict[str, Any]:
    """Give the keywords of `BlobServiceClient`, equal in both worlds.

    Few and short retries: a poller looks again anyway, and the SDK's own wait for a dead host is
    80 s (15 s before its first retry).
    """
    quiet_azure_loggers()
    arguments: dict[str, Any] = {
        "retry_total": retry_total,
        "initial_backoff": 1,
        "increment_base": 2,
        "random_jitter_range": 1,
        "connection_timeout": CONNECT_TIMEOUT,
        "read_timeout": READ_TIMEOUT,
        # Storage does not redirect, and another host has no business with our requests (D16).
        "permit_redirects": False,
    }
    if settings.ca_bundle:
        arguments["connection_verify"] = settings.ca_bundle
    if settings.proxies:
        arguments["proxies"] = dict(settings.proxies)
    if request_hook is not None:
        arguments["raw_request_hook"] = request_hook
    return arguments


def make_service(
    kind: Any, settings: StorageSettings, location: Location, identity: Any, arguments: Any
) -> Any:
    """Make a service client for a location's account.

    :param kind: `BlobServiceClient` or `QueueServiceClient`, of either world.
    :param identity: the credential where the connection has neither key nor SAS.
    """
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

    said = connection_fields(settings.connection_string)
    credential = identity
    if key := settings.account_key or said.get("accountkey"):
        credential = AzureNamedKeyCredential(said.get("accountname") or location.account, key)
    elif sas := settings.sas_token or said.get("sharedaccesssignature"):
        credential = AzureSasCredential(sas.removeprefix("?"))
    return kind(location.endpoint, credential=credential, **arguments)


class Clock:
    """Remembers the server's Date of the last answer; ours stands in where it sends none."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self, response: Any) -> None:
        """Take a response of the SDK's pipeline (`raw_response_hook`)."""
        headers = response.http_response.headers
        date = headers.get("Date") or headers.get("date")
        self.now = parsedate_to_datetime(date) if date else datetime.now(UTC)


def to_blob(item: Any) -> Blob:
    """Read the SDK's `BlobProperties`. A directory of ADLS Gen2 carries ``hdi_isfolder``.

    An etag has quotes in a header and none in Azure's listings: without them both are one.
    """
    marks = {str(key).lower(): str(value).lower() for key, value in (item.metadata or {}).items()}
    is_directory = "true" in {marks.get("hdi_isfolder"), marks.get("is_directory")}
    etag = str(item.etag).strip('"')
    return Blob(item.name, item.size or 0, etag, item.last_modified, is_directory)


def to_answer(items: Iterable[Any], now: datetime, token: str | None) -> Answer:
    """Read a page of `list_blobs` or `walk_blobs`; a collapsed folder has no size."""
    blobs: list[Blob] = []
    folders: list[str] = []
    for item in items:
        if hasattr(item, "size"):
            blobs.append(to_blob(item))
        else:
            folders.append(item.name)
    return Answer(tuple(blobs), now, tuple(folders), token or None)


@contextmanager
def translated(location: Location, *, roles: str = BLOB_ROLES) -> Iterator[None]:
    """Turn the SDK's errors into ours, which name a remedy and carry no request."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise storage_error(error, location, roles=roles) from None


def content_of(error: Any) -> bytes | None:
    """Give what a refused read says of a blob: not there (None), or empty (416, no range to ask for).

    Any other error, and a container that is not there, is raised again.
    """
    if error.status_code == 416:
        return b""
    code = getattr(error, "error_code", None)
    if error.status_code != 404 or code in {"ContainerNotFound", "ContainerBeingDeleted"}:
        raise error
    return None


V = TypeVar("V")


class Concluded(NamedTuple, Generic[V]):
    """The end of a conversation."""

    value: V


def send(talk: Generator[Request, Answer, V], answer: Answer | None) -> Request | Concluded[V]:
    """Give a conversation its answer (None to begin it), and take what it asks next."""
    try:
        return talk.send(answer)  # type: ignore[arg-type]
    except StopIteration as done:
        return Concluded(done.value)


def drive(talk: Generator[Request, Answer, V], answer: Callable[[Request], Answer]) -> V:
    """Carry the requests of a conversation of `core.probe` until it concludes."""
    step = send(talk, None)
    while not isinstance(step, Concluded):
        step = send(talk, answer(step))
    value: V = step.value
    return value
