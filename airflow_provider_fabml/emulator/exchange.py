"""One request and one answer, free of any web framework; routes are functions between them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_fabml.emulator.errors import user_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_fabml.emulator.service import Service
    from airflow_provider_fabml.emulator.workspace import Principal

Plane = Literal["open", "arm", "data", "history", "fabric"]
"""Whose token a route takes: nobody's, ARM's, the data plane's, either of the two, or Fabric's."""
NOTHING = object()
"""The body of an answer that has none (``None`` is JSON ``null``)."""


@dataclass(frozen=True)
class Call:
    """A request that reached its route."""

    service: Service
    method: str
    path: Mapping[str, str]
    """Path parameters."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Header names are lower case."""
    body: bytes
    url: str
    """The path with its query, as requested."""
    principal: Principal | None = None
    stale: float = 0.0
    """Lists are answered as they were so many seconds ago."""

    def json(self) -> Any:
        """Return the body; commas before a closing bracket are forgiven.

        Microsoft's own ``batch-score-rest.sh`` sends such commas, so the service takes them.
        """
        text = self.body.decode("utf-8", errors="replace").strip()
        for candidate in (text or "{}", re.sub(r",\s*([}\]])", r"\1", text)):
            try:
                return json.loads(candidate)
            except json.JSONDecodeError:
                continue
        raise user_error(400, "The request body is no JSON.", "BadArgument", "InvalidJson")


@dataclass(frozen=True)
class Answer:
    """What a route answers: JSON, unless ``text`` is given or ``body`` is NOTHING."""

    body: Any = NOTHING
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    delay: float = 0.0
    """Seconds the answer is held back after the work is done."""


@dataclass(frozen=True)
class Handled:
    """One row of the route table."""

    method: str
    path: str
    plane: Plane
    action: str
    """The action, below ``Microsoft.MachineLearningServices/workspaces/``, that it needs.

    Fabric's own are ``fabric/…``, which no role of Azure has."""
    handler: Callable[[Call], Answer]
