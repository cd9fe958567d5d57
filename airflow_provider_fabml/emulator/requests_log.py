"""The log of received requests, for tests: what came in, never a secret."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

_SHOWN_CLAIMS = ("aud", "appid", "oid", "tid", "exp")
_HIDDEN_PATHS = ("/oauth2/", "/metadata/identity", "/msi/token")


@dataclass(frozen=True)
class LoggedRequest:
    """One request; ``authorization`` is the token's audience and principal, not the token."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    authorization: dict[str, Any]
    body: str
    time: str
    status: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the request as JSON values."""
        return asdict(self)


def logged(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> LoggedRequest:
    """Return the record of a request, without what is secret in it."""
    shown = {k: v for k, v in headers.items() if k not in {"authorization", "x-identity-header"}}
    hidden = any(part in path for part in _HIDDEN_PATHS)
    text = "(hidden)" if hidden else body.decode("utf-8", errors="replace")
    claims = _claims(headers.get("authorization", ""))
    return LoggedRequest(method, path, query, shown, claims, text, datetime.now(UTC).isoformat())


def _claims(authorization: str) -> dict[str, Any]:
    token = authorization.partition(" ")[2]
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return {name: claims[name] for name in _SHOWN_CLAIMS if name in claims}


MOST = 20_000


class RequestLog:
    """The newest requests (at most MOST); many threads may append and read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[LoggedRequest] = deque(maxlen=MOST)

    def add(self, entry: LoggedRequest) -> None:
        """Append a request."""
        with self._lock:
            self._entries.append(entry)

    def all(self) -> list[LoggedRequest]:
        """Return all requests so far, oldest first."""
        with self._lock:
            return list(self._entries)

    def matching(self, method: str, part: str) -> list[LoggedRequest]:
        """Return the requests of a method whose path contains ``part``."""
        return [e for e in self.all() if e.method == method and part in e.path]

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._entries.clear()
