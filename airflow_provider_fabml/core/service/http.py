"""A request and its answer as values, and the talk between them as a generator.

A *flow* yields requests and is sent their answers; it returns what they mean. It performs no I/O, so
the one description serves the worker (synchronous) and the triggerer (asynchronous) alike, and a test
needs no server to walk it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

ARM, ML, FABRIC, ANONYMOUS = "arm", "ml", "fabric", "anonymous"


class Request(NamedTuple):
    """One HTTP request.

    ``audience`` says whose token it carries, if any. ``repeatable`` is True for requests that may be
    sent again by the transport after a transient failure (reads); the job-creating POST is not (D1).
    ``seconds`` bounds connecting and reading where it is less than the connection's own timeouts; a
    request is not sent later than ``not_after``.
    """

    method: str
    url: str
    audience: str
    body: Any = None
    headers: Mapping[str, str] = {}
    repeatable: bool = True
    seconds: float | None = None
    not_after: datetime | None = None


class Response(NamedTuple):
    """One HTTP answer. Header names are lower case; ``body`` is parsed JSON, or text, or None."""

    status: int
    headers: Mapping[str, str]
    body: Any
    method: str = "GET"
    url: str = ""


T = TypeVar("T")
Flow: TypeAlias = Generator[Request, Response, T]
