"""What a campaign found, as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table

if TYPE_CHECKING:
    from arrivals.campaign import Outcome


def show(outcome: Outcome, seed: int) -> None:
    """Print it."""
    Console(width=100).print(Group(_figures(outcome, seed), _verdict(outcome)))


def _figures(outcome: Outcome, seed: int) -> Table:
    table = Table(title=f"Seed {seed}, {outcome.seconds:.0f} s", show_header=False)
    fewest, median, most = outcome.verdict.wakes
    rows = {
        **outcome.verdict.counts,
        "looks of the routers": outcome.wakes,
        "looks during a job: fewest, median, most": f"{fewest}, {median:g}, {most}",
        "runs skipped for newer data": outcome.skipped,
        **{f"SIGKILL of the {name}": count for name, count in outcome.killed.items()},
        "storage stopped and started": outcome.storage_stops,
        "writes repeated meanwhile": outcome.retried,
        **{f"messages: {name}": count for name, count in outcome.messages.items()},
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _verdict(outcome: Outcome) -> Table:
    table = Table("what must not be", "found", "which")
    found = outcome.verdict._asdict()
    for name in outcome.verdict._fields[:7]:
        table.add_row(name.replace("_", " "), str(len(found[name])), "\n".join(found[name][:20]))
    runs = outcome.not_successful
    table.add_row("runs without success", str(len(runs)), "\n".join(runs[:20]))
    table.add_row("folders not finished", str(outcome.left), "")
    return table
