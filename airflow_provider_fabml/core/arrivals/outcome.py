"""How the scoring of a partition's data ended, by the manifests that it left.

One asset may start several scorings: mapped tasks, several tasks, several DAGs. Of each the latest end
counts. One that failed fails the partition; and the partition is finished when none of those that have
ended failed. How many there are to be nobody knows here: with the first that completed, and no other
there, the partition is finished, and what a later one leaves is not looked at any more. So let each
scoring have an asset, and a router, of its own where each has to be accounted for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.core.arrivals.ledger import State
from airflow_provider_fabml.core.arrivals.request import is_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_fabml.core.arrivals.ledger import Entry
    from airflow_provider_fabml.core.arrivals.manifest import Manifest


def outcome(manifests: Iterable[Manifest], digest: str, entry: Entry | None) -> State | None:
    """How the scoring of this data ended, or None.

    What ended before the newest emission is not its end, nor is what a person's request came after.

    :param entry: the newest emission of this very data.
    """
    if entry is not None and entry.state is State.FINISHED:
        return State.FINISHED
    ends = _latest(one for one in manifests if one.digest == digest and _counts(one, entry))
    if not ends:
        return None
    return State.FINISHED if all(one.completed for one in ends) else State.FAILED


def _counts(end: Manifest, entry: Entry | None) -> bool:
    if entry is None:
        return True
    return end.at.timestamp() >= entry.at and is_answer(entry.requested_at, end.emitted_at)


def _latest(ends: Iterable[Manifest]) -> list[Manifest]:
    """Give the latest end of each scoring; of two in one second a success."""
    by_time = sorted(ends, key=lambda one: (one.at, one.completed))
    return list({one.scoring: one for one in by_time}.values())
