"""What a campaign found, as tables for the terminal."""

from __future__ import annotations

from statistics import median
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
    fewest, usual, most = outcome.verdict.wakes
    rows = {
        **outcome.verdict.counts,
        "looks of the routers": outcome.wakes,
        "looks during a job: fewest, median, most": f"{fewest}, {usual:g}, {most}",
        "runs skipped: newer data, another run's data": "{}, {}".format(*outcome.skipped),
        "run queued to started: median, longest": _seconds([wait for wait, _ in outcome.waits]),
        "run started to ended: median, longest": _seconds([ran for _, ran in outcome.waits]),
        "emitted again because the lease ended": outcome.again.waiting + outcome.again.running,
        "- while the run waited, while its job ran": "{}, {}".format(*outcome.again[:2]),
        "- runs skipped while the job ran": outcome.again.met,
        "emitted again within the lease": outcome.again.sooner,
        **{f"SIGKILL of the {name}": count for name, count in outcome.killed.items()},
        "storage stopped, started": "{}, {}".format(*outcome.storage),
        "writes repeated meanwhile": outcome.retried,
        **{f"messages: {name}": count for name, count in outcome.messages.items()},
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _seconds(values: list[float]) -> str:
    return f"{median(values):.0f} s, {max(values):.0f} s" if values else "none"


def _verdict(outcome: Outcome) -> Table:
    table = Table("what must not be", "found", "which")
    found = outcome.verdict._asdict()
    for name in outcome.verdict._fields[:7]:
        table.add_row(name.replace("_", " "), str(len(found[name])), "\n".join(found[name][:20]))
    runs = outcome.not_successful
    table.add_row("runs without success", str(len(runs)), "\n".join(runs[:20]))
    table.add_row("folders not finished", str(outcome.left), "")
    return table
