"""What a queue message of Event Grid says of storage: a wake-up for a place, or nothing of interest.

Event types, APIs and both schemas: Microsoft Learn, "Azure Blob Storage as an Event Grid source". An
event only says "look there" (D9); whether the data is complete, storage tells.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from airflow_provider_fabml.core.errors import FabmlError

# "Scalability and performance targets for Queue Storage": 64 KiB for one message.
LONGEST = 64 * 1024
_STORAGE = "Microsoft.Storage."
# These calls make a file that still has to be filled; another event follows with the content.
_BEGINNINGS = frozenset({"CreateFile", "SftpCreate"})
_RENAMES = frozenset({"BlobRenamed", "DirectoryRenamed"})
_SUBJECT = re.compile(r"/blobServices/default/containers/([^/]+)/blobs/(.+)", re.DOTALL)
_ACCOUNT = re.compile(r"/storageAccounts/([a-z0-9-]{3,63})/?\Z", re.IGNORECASE)
_CONTAINER = re.compile(r"[a-z0-9$][a-z0-9-]{0,62}")
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Arrived(NamedTuple):
    """Something has come to `path` (a file, or the folder of a ``RenameDirectory``)."""

    account: str
    container: str
    path: str
    at: datetime
    api: str


class Ignored(NamedTuple):
    """An event that is no arrival, and why."""

    reason: str


class UnreadableMessageError(FabmlError):
    """A message that no delivery will make readable: it belongs into the poison queue.

    :param arrived: what the readable events of the same message say.
    """

    def __init__(self, what: str, *, arrived: tuple[Arrived, ...] = ()) -> None:
        self.arrived = arrived
        super().__init__(what, remedy="let the subscription deliver storage events as JSON")


def parse_message(content: str | bytes) -> tuple[Arrived | Ignored, ...]:
    """Read the events of a message: one or a list, in either schema, as JSON or base64 of it.

    :raises UnreadableMessageError: whatever the content is, and nothing else.
    """
    value = _loaded(content)
    events = value if isinstance(value, list) else [value]
    if not events:
        raise UnreadableMessageError("the message has no event")
    read: list[Arrived | Ignored] = []
    wrong: list[str] = []
    for event in events:
        try:
            read.append(_read(event))
        except _WrongError as error:
            wrong.append(str(error))
    if wrong:
        came = tuple(one for one in read if isinstance(one, Arrived))
        raise UnreadableMessageError(f"{wrong[0]} ({len(wrong)} such)", arrived=came)
    return tuple(read)


class _WrongError(ValueError):
    """What an event lacks."""


def _loaded(content: str | bytes) -> Any:
    if len(content) > LONGEST:
        raise UnreadableMessageError(f"the message is longer than {LONGEST} bytes")
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    text = text.lstrip("\ufeff").strip()
    for decode in (str, _from_base64):
        try:
            return json.loads(decode(text))
        except (ValueError, RecursionError):
            continue
    raise UnreadableMessageError("the message is neither JSON nor base64 of JSON")


def _from_base64(text: str) -> str:
    """Raises ``ValueError``, as its subclasses for bad base64 and bad UTF-8 do."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8-sig")
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _read(event: Any) -> Arrived | Ignored:
    if not isinstance(event, dict):
        raise _WrongError("an event is no JSON object")
    cloud = "specversion" in event
    kind = _text(event, "type" if cloud else "eventType")
    name = kind.removeprefix(_STORAGE)
    if name != "BlobCreated" and name not in _RENAMES:
        return Ignored(f"{kind} is no arrival")
    data = event.get("data")
    if not isinstance(data, dict):
        raise _WrongError(f"a {name} has no data")
    api = _text(data, "api")
    if api in _BEGINNINGS:
        return Ignored(f"{api} begins a file, and another event tells of its content")
    container, path = _destination(event, data) if name in _RENAMES else _subject(event)
    account = _account(_text(event, "source" if cloud else "topic"))
    return Arrived(account, container, path, _time(event, "time" if cloud else "eventTime"), api)


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value or _UNFIT.search(value):
        raise _WrongError(f"{name} is no text")
    return value


def _subject(event: dict[str, Any]) -> tuple[str, str]:
    """Container and path, in the case and characters of the blob's own name."""
    found = _SUBJECT.fullmatch(_text(event, "subject"))
    if found is None:
        raise _WrongError("subject names no blob")
    return _place(found[1], found[2])


def _destination(event: dict[str, Any], data: dict[str, Any]) -> tuple[str, str]:
    """Where a rename led. The subject says it in plain characters where it is the same place.

    Whether a URL escapes characters is not documented, so both readings are compared.
    """
    url = _text(data, "destinationUrl")
    try:
        path = urlsplit(url).path
    except ValueError:
        raise _WrongError("destinationUrl is no URL") from None
    container, _, rest = path.lstrip("/").partition("/")
    try:
        subject = _subject(event)
    except _WrongError:
        return _place(container, unquote(rest))
    same = subject[0] == container and subject[1] in {rest.strip("/"), unquote(rest).strip("/")}
    return subject if same else _place(container, unquote(rest))


def _place(container: str, path: str) -> tuple[str, str]:
    path = path.strip("/")
    if not _CONTAINER.fullmatch(container) or not path or _UNFIT.search(path):
        raise _WrongError("container and path are no names of a blob")
    return container, path


def _account(resource: str) -> str:
    found = _ACCOUNT.search(resource)
    if found is None:
        raise _WrongError("topic or source names no storage account")
    return found[1].lower()


def _time(event: dict[str, Any], name: str) -> datetime:
    try:
        time = datetime.fromisoformat(_text(event, name))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _WrongError(f"{name} is no time") from None
