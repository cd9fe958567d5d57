"""One fault: what goes wrong, where, and how often."""

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_ENDS = ("status", "challenge", "drop", "reset", "truncate")
"""How an answer can be spoilt altogether; a fault has at most one of them."""
_CHANGES = (
    "edit",
    "remove",
    "show_state",
    "stale",
    "refuse_tokens",
    "headers",
    "delay",
    "delay_work",
)


def is_expression(path: str) -> str:
    """Return ``path``; ``ValueError`` where it is no regular expression."""
    try:
        re.compile(path)
    except re.error as error:
        raise ValueError(f"{path!r} is no regular expression: {error}") from None
    return path


class Fault(BaseModel):
    """What goes wrong, where, and how often."""

    model_config = ConfigDict(extra="forbid")

    kind: str = "own"
    """The name it is counted under; ``own`` where it was put together by hand."""
    method: str = "*"
    path: str = ""
    """Regular expression, searched in the request's path."""
    when: Literal["before", "after"] = "before"
    """Before the work (nothing happened) or after it (only the answer is spoilt)."""
    status: int | None = Field(default=None, ge=300, le=599)
    challenge: bool = False
    """401 with a claims challenge: the token is refused until one with these claims comes."""
    drop: bool = False
    """The connection is closed instead of answering."""
    reset: bool = False
    """The connection is reset (TCP RST) instead of answering."""
    truncate: Literal["connection", "json"] | None = None
    """Half of the real answer: then the connection ends, or the answer claims to be whole."""
    edit: dict[str, Any] = {}
    """JSON pointer → value that takes the place of what the real answer has there."""
    remove: list[str] = []
    """JSON pointers of members that the real answer loses."""
    show_state: str | None = None
    """Any word in place of each job state in the answer that is not terminal."""
    stale: float = Field(default=0, ge=0)
    """Lists are answered as they were so many seconds ago."""
    refuse_tokens: Literal["challenge", "expired"] | None = None
    """First, every token issued so far is refused from now on, in one of two ways."""
    headers: dict[str, str] = {}
    """Headers that are set on the answer."""
    to: str = "https://attacker.example"
    """What ``{to}`` stands for in ``headers`` and ``edit``: an address of somebody else."""
    delay: float = Field(default=0, ge=0, le=600)
    """Seconds to wait before answering (or cutting)."""
    delay_work: float = Field(default=0, ge=0, le=600)
    """Seconds to wait before the work begins; a caller that hangs up does not stop it."""
    retry_after: str | None = None
    retry_after_date: float | None = Field(default=None, ge=0)
    """Seconds from the answer to the HTTP date that ``Retry-After`` then names."""
    body: str | None = None
    """Plain text of the answer; the service's JSON error where it is absent."""
    times: int | None = Field(default=1, ge=1)
    """How many requests it hits; None hits them all."""
    skip: int = Field(default=0, ge=0)
    """How many matching requests go through unharmed before."""

    _expression = field_validator("path")(is_expression)

    @model_validator(mode="after")
    def _does_something(self) -> "Fault":
        ends = [name for name in _ENDS if getattr(self, name)]
        if len(ends) > 1:
            raise ValueError(f"an answer is spoilt in one way, not in {ends}")
        if not ends and not any(getattr(self, name) for name in _CHANGES):
            raise ValueError(f"a fault needs one of {', '.join(_ENDS + _CHANGES)}")
        if self.retry_after is not None and self.retry_after_date is not None:
            raise ValueError("Retry-After is a text or a date")
        return self

    @property
    def cuts(self) -> bool:
        """Return whether there is no answer at all."""
        return self.drop or self.reset

    @property
    def works(self) -> bool:
        """Return whether the request's work is done."""
        replaced = self.cuts or self.challenge or self.status is not None
        return self.when == "after" or not replaced

    def hits(self, method: str, path: str) -> bool:
        """Return whether the fault is meant for this request."""
        return self.method in {"*", method} and re.search(self.path, path) is not None

    def told(self) -> dict[str, Any]:
        """Return what differs from a fault that does nothing."""
        return self.model_dump(exclude_defaults=True)
