"""What a look at storage may ask, and how it is answered; clients carry both."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.core.storage.seen import Blob, Verdict

# A page of 5,000 blocks an event loop for over a second in the SDK's XML models (0.2 ms a blob).
PAGE_SIZE = 400
# A manifest or a commit of a table's log is read up to here.
READ_BYTES = 4 * 1024 * 1024


class HeadBlob(NamedTuple):
    """Ask for the facts of one blob."""

    path: str


class ReadBlob(NamedTuple):
    """Ask for the start of one blob."""

    path: str
    size: int = READ_BYTES


class ListPage(NamedTuple):
    """Ask for one page of names with `prefix`; `delimited` collapses what lies deeper."""

    prefix: str
    delimited: bool = False
    token: str | None = None
    size: int = PAGE_SIZE


class Answer(NamedTuple):
    """A page (or, after `HeadBlob`, one blob or none), and the server's clock.

    `content` answers `ReadBlob`: None where the blob is not there.
    """

    blobs: tuple[Blob, ...]
    now: datetime
    folders: tuple[str, ...] = ()
    token: str | None = None
    content: bytes | None = None


Request = HeadBlob | ReadBlob | ListPage
Look = Generator[Request, Answer, "Verdict"]


def join(folder: str, name: str) -> str:
    """Give the path of `name` below `folder`, which may be the container's root."""
    return f"{folder}/{name}".lstrip("/")
