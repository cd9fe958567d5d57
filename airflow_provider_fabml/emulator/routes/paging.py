"""Pages of a list: a slice and the link to the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_fabml.emulator.exchange import Call


def page(
    call: Call, items: Sequence[Any], render: Callable[[Any], Any], *, parameter: str = "$skip"
) -> dict[str, Any]:
    """Return one page of ``items``; ``parameter`` names the query parameter that continues it."""
    size = call.service.switches.page_size
    start = _number(call.query.get(parameter))
    shown = items[start : start + size]
    body: dict[str, Any] = {"value": [render(item) for item in shown]}
    if start + size < len(items):
        query = {**call.query, parameter: str(start + size)}
        body["nextLink"] = f"{call.service.base_url}{call.url.partition('?')[0]}?{urlencode(query)}"
    return body


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
