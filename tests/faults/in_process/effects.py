"""What a task does to the world, named; and where in a task's life that is.

Everything a task does goes through two doors: a message to its supervisor, or an HTTP request. A
process that is killed dies between two of these, or while one of them is under way.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container


class Moment(StrEnum):
    """When the process dies, seen from one effect."""

    BEFORE = "before"
    """Nothing of it took place."""
    ON_ITS_WAY = "on its way"
    """The request has left and arrives after the process is gone (POSTs)."""
    UNANSWERED = "unanswered"
    """It took place and the process is not told."""
    AFTER = "after"
    """The answer has arrived (HTTP requests)."""


class Effect(NamedTuple):
    """One effect: ``phase`` is ``worker``, ``resumed``, ``trigger`` or ``kill hook``."""

    phase: str
    name: str

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The moments that differ for this effect."""
        if self.name.startswith("POST"):
            return tuple(Moment)
        if self.name in _READS:
            return (Moment.BEFORE,)
        return (Moment.BEFORE, Moment.UNANSWERED)


class Sending(NamedTuple):
    """An HTTP request that is about to be sent; a POST with all it needs to be sent by another."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | str | None


_REQUESTS = (
    ("POST", r"/endpoints/[^/?]+/jobs$", "POST job"),
    ("POST", r"/jobs/[^/?]+/cancel", "POST cancel"),
    ("GET", r"/workspaces/[^/]+/jobs/[^/?]+", "GET job"),
    ("GET", r"/workspaces/[^/]+/jobs(\?|$)", "list jobs"),
    ("GET", r"/deployments/[^/?]+", "GET deployment"),
    ("GET", r"/batchEndpoints/[^/?]+", "GET endpoint"),
    ("GET", r"/workspaces/[^/?]+(\?|$)", "GET workspace"),
    ("*", r"/oauth2/|openid-configuration", "token"),
    ("*", r"/history/|/discovery", "history"),
)
_STORAGE = "storage"
_READS = {name for _, _, name in _REQUESTS if not name.startswith("POST")} | {_STORAGE}
_READS |= {"GetConnection", "GetTaskStateStore", "GetTaskStates", "GetXCom"}
_HANDED_ON = ("azure_ml_job", "return_value")


def of_request(sending: Sending, service_url: str) -> str:
    """The name of a request's effect."""
    if not sending.url.startswith(service_url):
        return _STORAGE
    for method, pattern, name in _REQUESTS:
        if method in {"*", sending.method} and re.search(pattern, sending.url):
            return name
    return f"{sending.method} {sending.url.removeprefix(service_url)}"


def of_message(message: Any) -> str:
    """The name of a message's effect."""
    kind = type(message).__name__
    if kind == "SetTaskStateStore":
        return _of_record(message.value)
    if kind == "SetXCom":
        return f"XCom {message.key if message.key in _HANDED_ON else 'part'}"
    return kind


def _of_record(record: Any) -> str:
    if not isinstance(record, dict):
        return "store"
    if record.get("spent"):
        return "store spent"
    return "store handle" if record.get("job") else "store intent"


BEFORE_INTENT = "before the intent"
AFTER_INTENT = "after the intent"
DURING_POST = "during the POST"
AFTER_POST = "after the POST, before the handle is stored"
LOOKING_UP = "during the look-up"
BEFORE_DEFER = "before defer"
POLLING = "while polling"
RESUMING = "between event and resume"
CHECKING = "during the output check"
CANCELLING = "during cancel"
ENDING = "while the result is handed over"
POINTS = (
    BEFORE_INTENT, AFTER_INTENT, DURING_POST, AFTER_POST, LOOKING_UP, BEFORE_DEFER, POLLING,
    RESUMING, CHECKING, ENDING, CANCELLING,
)  # fmt: skip


def point_of(effect: Effect, moment: Moment, seen: Container[str], *, deferrable: bool) -> str:
    """Where in the task's life this is; ``seen`` are the effects of this process so far."""
    if effect.name == "POST cancel" or effect.phase == "kill hook":
        return CANCELLING
    if effect.phase == "trigger":
        return RESUMING if effect.name == "event" else POLLING
    if _handed_over(effect, seen):
        return ENDING
    if effect.phase == "resumed":
        return CHECKING if effect.name == _STORAGE or _STORAGE in seen else RESUMING
    return _of_first_phase(effect.name, moment, seen, deferrable=deferrable)


def _handed_over(effect: Effect, seen: Container[str]) -> bool:
    ends = ("XCom part", "XCom return_value", "SucceedTask")
    return effect.name in ends or "XCom return_value" in seen


def _of_first_phase(name: str, moment: Moment, seen: Container[str], *, deferrable: bool) -> str:
    around = {
        "store intent": BEFORE_INTENT if moment is Moment.BEFORE else AFTER_INTENT,
        "POST job": {Moment.BEFORE: AFTER_INTENT, Moment.AFTER: AFTER_POST}.get(
            moment, DURING_POST
        ),
        "store handle": AFTER_POST if moment is Moment.BEFORE else BEFORE_DEFER,
        "list jobs": LOOKING_UP,
    }
    if name in around:
        return _waiting(deferrable) if around[name] == BEFORE_DEFER else around[name]
    if "store handle" in seen or "XCom azure_ml_job" in seen or name == "XCom azure_ml_job":
        return CHECKING if name == _STORAGE else _waiting(deferrable)
    if "store intent" in seen:
        return AFTER_INTENT
    return LOOKING_UP if "list jobs" in seen else BEFORE_INTENT


def _waiting(deferrable: bool) -> str:
    return BEFORE_DEFER if deferrable else POLLING
