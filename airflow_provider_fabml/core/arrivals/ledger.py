"""What was emitted of each partition and how it ended, small enough for an asset's state."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.arrivals.cursor import REMEMBERED
from airflow_provider_fabml.core.arrivals.short_digest import short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Of what is finished nothing more is needed than the digest; what nobody asked for has no `asked`.
_SHORT_ROW, _FULL_ROW = 2, 6


class State(StrEnum):
    """Where the newest emission of a partition stands."""

    EMITTED = "e"
    FINISHED = "f"
    FAILED = "x"


class Entry(NamedTuple):
    """The newest emission of a partition.

    `digest` is the start of the data's digest, `at` the time of the emission (seconds since 1970),
    `emissions` how often this data was emitted, `by` who did it. `asked` is when a person wanted this
    data again (the time of the look that took the request), 0 where nobody did.
    """

    digest: str
    state: State
    at: int = 0
    emissions: int = 0
    by: str = ""
    asked: int = 0

    @property
    def requested_at(self) -> datetime | None:
        """`asked` as an instant."""
        return datetime.fromtimestamp(self.asked, UTC) if self.asked else None

    def is_of(self, digest: str) -> bool:
        """Whether it is about data with this digest."""
        return self.digest == short(digest)


Ledger = dict[str, Entry]


def read_ledger(value: object) -> Ledger:
    """Read what `ledger_json` gave; what cannot be read is left out, and found by its manifest."""
    rows = value.get("partitions") if isinstance(value, dict) else None
    if not isinstance(rows, dict):
        return {}
    entries = {str(key): _entry(row) for key, row in rows.items()}
    return {key: entry for key, entry in entries.items() if entry is not None}


def _entry(row: object) -> Entry | None:
    if not isinstance(row, list):
        return None
    try:
        full = row if len(row) > _SHORT_ROW else [*row, 0, 0, ""]
        digest, state, at, emissions, by, asked = full if len(full) == _FULL_ROW else [*full, 0]
        return Entry(str(digest), State(state), int(at), int(emissions), str(by), int(asked))
    except (TypeError, ValueError):
        return None


def ledger_json(
    ledger: Mapping[str, Entry],
    order: Callable[[str], tuple[str, str]],
    limit: int = REMEMBERED,
) -> dict[str, Any]:
    """Give plain JSON.

    Of finished partitions those with the greatest keys are kept: the others have a manifest, which
    is then read again. What was emitted and has none is always kept.
    """
    finished = [key for key, entry in ledger.items() if entry.state is State.FINISHED]
    dropped = set(sorted(finished, key=order)[: max(len(finished) - limit, 0)])
    return {"partitions": {key: _row(ledger[key]) for key in ledger if key not in dropped}}


def _row(entry: Entry) -> list[Any]:
    row = [entry.digest, entry.state.value]
    if entry.state is State.FINISHED:
        return row
    asked = [entry.asked] if entry.asked else []
    return [*row, entry.at, entry.emissions, entry.by, *asked]
