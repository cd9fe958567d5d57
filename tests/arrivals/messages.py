"""What Event Grid would put into a queue for a change, and what becomes of it on the way."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import random

    from arrivals.shapes import Step

LOST, DOUBLED, LATE, POISON = 1 / 20, 1 / 10, 1 / 5, 1 / 50
LATEST = 10.0
RUBBISH = "{no message"


class Sent(NamedTuple):
    """A message and how many seconds later it is put into the queue."""

    after: float
    text: str


def event(step: Step, path: str, before: str, *, at: str, account: str, container: str) -> Any:
    """Give the event of a change, in Event Grid's own schema.

    :param before: what a renamed blob was called.
    """
    kind, api = _kind(step)
    host = f"https://{account}.blob.core.windows.net/{container}"
    data: dict[str, Any] = {"api": api, "contentLength": 1, "blobType": "BlockBlob"}
    data |= {"destinationUrl": f"{host}/{path}", "sourceUrl": f"{host}/{before}"} if before else {}
    data |= {} if before else {"url": f"{host}/{path}"}
    return {
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage"
        f"/storageAccounts/{account}",
        "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "eventType": f"Microsoft.Storage.{kind}",
        "eventTime": at,
        "id": f"{path}@{at}",
        "data": data,
        "dataVersion": "2",
        "metadataVersion": "1",
    }


def _kind(step: Step) -> tuple[str, str]:
    if step.verb == "write":
        is_marker = step.name.startswith("_")
        return "BlobCreated", "PutBlob" if step.rows or is_marker else "CreateFile"
    return {
        "rename": ("BlobRenamed", "RenameFile"),
        "delete": ("BlobDeleted", "DeleteBlob"),
        "mkdir": ("DirectoryCreated", "CreateDirectory"),
    }[step.verb]


def delivered(found: dict[str, Any], dice: random.Random) -> list[Sent]:
    """Give what reaches the queue: nothing, once, twice, late (so others overtake it), or poison too."""
    texts = [_encoded(found, dice)]
    lost, doubled, poison = (dice.random() < share for share in (LOST, DOUBLED, POISON))
    texts = [] if lost else texts * 2 if doubled else texts
    texts += [RUBBISH] if poison else []
    return [Sent(dice.uniform(0, LATEST) if dice.random() < LATE else 0.0, t) for t in texts]


def _encoded(found: dict[str, Any], dice: random.Random) -> str:
    """Both schemas, alone or in a list, as JSON or as base64 of it."""
    value: Any = _cloud(found) if dice.random() < 0.5 else found
    text = json.dumps([value] if dice.random() < 0.3 else value)
    return base64.b64encode(text.encode()).decode() if dice.random() < 0.5 else text


def _cloud(found: dict[str, Any]) -> dict[str, Any]:
    names = {"topic": "source", "eventType": "type", "eventTime": "time"}
    kept = {names.get(k, k): v for k, v in found.items() if not k.endswith("Version")}
    return {**kept, "specversion": "1.0"}
