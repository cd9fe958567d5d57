"""What the measurement of latency found, as tables for the terminal."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from arrivals.stages import STAGES, limit, medians, p95
from arrivals.ways import EVERY, FLOOR, IDLE, IDLE_EVERY
from rich.table import Table

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from arrivals.stages import Sample


def latencies(samples: Mapping[str, Sequence[Sample]]) -> Table:
    """Give each way's seconds from complete to a queued scoring run, beside what is asked."""
    table = Table(
        "way", "samples", "median", "p95", "limit", "median in floors",
        title="Seconds from complete data to scoring run queued",
        caption=(
            "The floor is an asset event with a partition key, posted to Airflow's REST API. "
            f"Limits asked: polling (a look every {EVERY:g} s) one interval plus twice the floor's "
            "median; queue three times the floor's median."
        ),
    )  # fmt: skip
    floor = median(_whole(samples[FLOOR]))
    for way, found in samples.items():
        whole, most = _whole(found), limit(way, floor)
        asked = f"{most:.1f}" if most is not None else ""
        figures = (f"{median(whole):.1f}", f"{p95(whole):.1f}", asked)
        table.add_row(way, str(len(found)), *figures, f"{median(whole) / floor:.1f}")
    return table


def stage_medians(samples: Mapping[str, Sequence[Sample]]) -> Table:
    """Give where the time goes."""
    table = Table(
        "way", *STAGES,
        title="Medians of the stages, in seconds",
        caption="From Airflow's database: asset_event, dag_run, task_instance. "
        "Without a router the last stage begins with the event.",
    )  # fmt: skip
    for way, found in samples.items():
        figures = (f"{each:.2f}" if each is not None else "" for each in medians(found))
        table.add_row(way, *figures)
    return table


def idle(found: Counter[str], seconds: float) -> Table:
    """Give the requests a minute while nothing comes; trees are listed, queues are asked."""
    table = Table(
        "asked for", "assets", "requests a minute", title=f"Idle: a look every {IDLE_EVERY:g} s"
    )
    for name, count in sorted(found.items()):
        table.add_row(name, str(IDLE.get(name, 1)), f"{count * 60 / seconds:.1f}")
    return table


def _whole(samples: Sequence[Sample]) -> list[float]:
    return [sample.scoring - sample.complete for sample in samples]
