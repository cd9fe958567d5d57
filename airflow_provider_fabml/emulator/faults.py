"""Faults on request: each is used up by the requests it hits.

Each kind was seen or documented on the real service: 429 and 503 with ``Retry-After``, 500, 502
and 504, an answer that is lost after the work was done.
"""

import re
import threading
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Fault(BaseModel):
    """What goes wrong, where, and how often."""

    model_config = ConfigDict(extra="forbid")

    method: str = "*"
    path: str = ""
    """Regular expression, searched in the request's path."""
    when: Literal["before", "after"] = "before"
    """Before the work (nothing happened) or after it (only the answer is spoilt)."""
    status: int | None = Field(default=None, ge=400, le=599)
    drop: bool = False
    """The connection is cut instead of answering."""
    delay: float = Field(default=0, ge=0, le=600)
    """Seconds to wait before answering (or cutting)."""
    retry_after: str | None = None
    body: str | None = None
    """Text of the answer; the service's JSON error where it is absent."""
    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    """How many matching requests go through unharmed before."""

    @field_validator("path")
    @classmethod
    def _is_expression(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"{path!r} is no regular expression: {error}") from None
        return path

    @model_validator(mode="after")
    def _does_something(self) -> "Fault":
        if self.drop and self.status is not None:
            raise ValueError("a fault either drops the connection or answers with a status")
        if not self.drop and self.status is None and not self.delay:
            raise ValueError("a fault needs one of status, drop or delay")
        return self

    def hits(self, method: str, path: str) -> bool:
        """Return whether the fault is meant for this request."""
        return self.method in {"*", method} and re.search(self.path, path) is not None


class Faults:
    """A queue of faults; the first that matches a request takes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Queue a fault."""
        with self._lock:
            self._queue.append(fault.model_copy())

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for a request, using it up once; None where all is well."""
        with self._lock:
            for fault in self._queue:
                if not fault.hits(method, path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times == 0:
                    self._queue.remove(fault)
                return fault
        return None

    def waiting(self) -> list[Fault]:
        """Return the faults that are not used up."""
        with self._lock:
            return list(self._queue)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._queue.clear()
