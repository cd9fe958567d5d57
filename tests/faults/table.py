"""What a campaign found, as text for the terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from faults import strikes

if TYPE_CHECKING:
    from faults.campaign import Outcome

_VICTIMS = (
    strikes.TASK,
    strikes.WORKER,
    strikes.TRIGGERER,
    strikes.SCHEDULER,
    strikes.API_SERVER,
    strikes.CONNECTION,
)


def table(outcome: Outcome) -> str:
    """Return strikes by point, mode and victim (killed/stopped or cut), then the verdict."""
    return "\n".join([*_strikes(outcome), "", *_figures(outcome), "", *_verdict(outcome)])


def _strikes(outcome: Outcome) -> list[str]:
    counts = Counter(
        (hit.strike.cell, hit.strike.how == strikes.KILL or hit.strike.cell.victim == "connection")
        for hit in outcome.hits
    )
    lines = ["Strikes: killed (connections: cut), +stopped and continued"]
    lines += ["".join([f"{'point':<18}{'mode':<12}", *(f"{name:>12}" for name in _VICTIMS)])]
    for point in strikes.POINTS:
        for mode in strikes.BOTH:
            row = [strikes.Cell(point, mode, victim) for victim in _VICTIMS]
            texts = [_count(counts[cell, True], counts[cell, False]) for cell in row]
            if any(texts):
                lines.append(
                    "".join([f"{point:<18}{mode:<12}", *(f"{text:>12}" for text in texts)])
                )
    return lines


def _count(killed: int, stopped: int) -> str:
    return f"{killed or ''}{f'+{stopped}' if stopped else ''}"


def _figures(outcome: Outcome) -> list[str]:
    hits, counts = outcome.hits, outcome.verdict.counts
    hows = Counter(hit.strike.how for hit in hits)
    flying = [hit.in_flight for hit in hits] or [0]
    jobs = max(counts["jobs"], 1)
    asked = {name: number for name, number in outcome.requests.items() if name != "token"}
    each = ", ".join(f"{name} {number / jobs:.1f}" for name, number in sorted(asked.items()))
    return [
        f"Seed {outcome.seed}, {outcome.seconds:.0f} s, {len(outcome.missed)} strikes found no target",
        "Strikes: " + ", ".join(f"{how} {count}" for how, count in sorted(hows.items())),
        f"DAG runs in flight at a strike: {min(flying)} to {max(flying)}; "
        f"processes started again: {outcome.revived}",
        ", ".join(f"{name} {number}" for name, number in counts.items()),
        f"Requests per job: {sum(asked.values()) / jobs:.1f} ({each})",
    ]


def _verdict(outcome: Outcome) -> list[str]:
    lines = []
    for name, found in outcome.verdict._asdict().items():
        if name != "counts":
            lines.append(f"{name:<12}{len(found):>4}")
            lines += [f"    {each}" for each in found]
    return lines
