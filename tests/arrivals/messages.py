"""What Event Grid would put into a queue for a change, and what becomes of it on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from support.event_grid import message

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


def text_of(step: Step, path: str, *, account: str, container: str, dice: random.Random) -> str:
    """Give the message of a change: in either schema, as JSON or as base64 of it.

    :param path: of the blob; of a rename, where it led.
    """
    encoded, cloud = dice.random() < 0.5, dice.random() < 0.5
    return message(account, container, path, api=_api(step), cloud=cloud, encoded=encoded)


def _api(step: Step) -> str:
    if step.verb == "write" and not step.rows and not step.name.startswith("_"):
        return "CreateFile"
    return {"write": "PutBlob", "rename": "RenameFile", "delete": "DeleteBlob"}[step.verb]


def delivered(text: str, dice: random.Random) -> list[Sent]:
    """Give what reaches the queue: nothing, once, twice, late (so others overtake it), or poison too."""
    lost, doubled, poison = (dice.random() < share for share in (LOST, DOUBLED, POISON))
    texts = [] if lost else [text] * (2 if doubled else 1)
    texts += [RUBBISH] if poison else []
    return [Sent(dice.uniform(0, LATEST) if dice.random() < LATE else 0.0, t) for t in texts]
