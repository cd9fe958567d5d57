"""Names for routes: the path with what differs from run to run left open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import compile_path

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.exchange import Handled

_OPEN = frozenset({"job", "run", "operation"})
"""Path parameters whose values the service makes up."""


class RouteNames:
    """Tells the route of a request: ``WS/jobs/{job}``, ``/endpoints/heart-classifier/jobs``."""

    def __init__(self, routes: list[Handled], workspace_path: str) -> None:
        self._known = [(route.method, *compile_path(route.path)[:2]) for route in routes]
        self._workspace_path = workspace_path

    def of(self, method: str, path: str) -> str:
        """Return the name; the path itself where no route is known."""
        for known, pattern, form in self._known:
            match = pattern.match(path) if known == method else None
            if match:
                found = match.groupdict()
                path = form.format(**{k: f"{{{k}}}" if k in _OPEN else v for k, v in found.items()})
                break
        return path.replace(self._workspace_path, "WS")
