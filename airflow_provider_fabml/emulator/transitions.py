"""How a job's state moves: a table and one pure function.

Source of states and their order: the ``JobStatus`` enumeration of the data-plane
specification; the first state after an invocation is ``Preparing`` (recordings of 2022-12,
2023-03 and 2023-04).
"""

from __future__ import annotations

from dataclasses import dataclass

ORDER = ("Preparing", "Queued", "Running", "Finalizing")
"""The states of a job that nobody disturbs, before its last one."""
FIRST = ORDER[0]
TERMINAL = frozenset({"Completed", "Failed", "Canceled"})
ALL_STATES = frozenset(
    {
        "NotStarted",
        "Starting",
        "Provisioning",
        *ORDER,
        "CancelRequested",
        *TERMINAL,
        "NotResponding",
        "Paused",
        "Unknown",
    }
)


@dataclass(frozen=True)
class Outcome:
    """What the work of a job came to."""

    ok: bool


def next_state(state: str, outcome: Outcome | None) -> str | None:
    """Return the state after ``state``, or None where a job stays for now.

    A job stays in a terminal state for ever, and in ``Running`` until its work has an outcome.
    """
    if state in TERMINAL or (state == "Running" and outcome is None):
        return None
    if state == "CancelRequested":
        return "Canceled"
    if state == ORDER[-1]:
        return "Completed" if outcome is None or outcome.ok else "Failed"
    return ORDER[ORDER.index(state) + 1]


def remaining_dwell(entered: float, dwell: float, now: float) -> float:
    """Return how many seconds a state entered at ``entered`` still has to last."""
    return max(0.0, entered + dwell - now)
