"""Where the time goes from complete data to a queued scoring run, and what is asked of it, as values."""

from __future__ import annotations

from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

from arrivals.ways import EVERY, FLOOR, POLLING, QUEUED

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sample(NamedTuple):
    """Seconds since 1970, in their order; no router is behind the floor.

    `stored` is the asset event that began it, `routed` and `scoring` are runs as they were queued.
    """

    complete: float
    stored: float
    scoring: float
    routed: float | None = None
    started: float | None = None
    ended: float | None = None


# Each stage's name, where it begins and where it ends.
STAGES = {
    "complete to event stored": ("complete", "stored"),
    "to router's run queued": ("stored", "routed"),
    "to its task started": ("routed", "started"),
    "to its task ended": ("started", "ended"),
    "to scoring run queued": ("ended", "scoring"),
}


def stages(sample: Sample) -> dict[str, float]:
    """Give the seconds of each stage that a sample has; the floor's second stage is its last."""
    if sample.routed is None:
        first, *_, last = STAGES
        return {first: sample.stored - sample.complete, last: sample.scoring - sample.stored}
    return {name: getattr(sample, b) - getattr(sample, a) for name, (a, b) in STAGES.items()}


def medians(samples: Sequence[Sample]) -> list[float | None]:
    """Give each stage's median, None for one that the way does not have."""
    found = [stages(sample) for sample in samples]
    return [median(each[name] for each in found) if name in found[0] else None for name in STAGES]


def limit(way: str, floor: float) -> float | None:
    """Give the seconds asked of a way's scoring run; `floor` is the floor's median."""
    limits = {FLOOR: None, POLLING: EVERY + 2 * floor, QUEUED: 3 * floor}
    return limits[way]


def p95(values: list[float]) -> float:
    """Give the 95th percentile."""
    return quantiles(values, n=20, method="inclusive")[-1] if values[1:] else values[0]
