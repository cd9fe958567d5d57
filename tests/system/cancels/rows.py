"""The cancel matrix as data: one row for each thing that can end or disturb a task that waits."""

from __future__ import annotations

from typing import Any, NamedTuple

WORKER, DEFERRED = "worker", "triggerer"
CANCELLED, LEFT = "cancelled", "left"
# What the next try does: start another job, go on with this one; or there is none, because the task
# goes on in this one, or its run is gone.
NEW, SAME, SAME_TRY, NONE = "another job", "the same job", "goes on", "none"
KILL_OFF, CLEAR_OFF = "cancel_on_kill=False", "on_clear='leave'"
TIMEOUT_OFF, RETRIES_OFF = "on_timeout='leave'", "retries=0"
# Long enough for the task to start on a busy machine, and to wait before it passes.
TASK_LIMIT, RUN_LIMIT = ("execution_timeout", 75), ("dagrun_timeout", 120)
RETRY = ("retries", 1)
# Rows of one queue share their triggerers' fate; all others are served by one that nobody disturbs.
DISTURBED, ABANDONED = ("queue", "disturbed"), ("queue", "abandoned")


class Row(NamedTuple):
    """What happens, where the task waits, what was switched; what becomes of the job and the next try.

    These five stand in the document's table; ``options`` are further keywords of the operator.
    """

    event: str
    waits: str
    switch: str
    job: str
    next_try: str
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The cells that the document shows."""
        return self[:5]

    @property
    def name(self) -> str:
        """The row's DAG id."""
        told = "__".join(part for part in (self.event, self.waits, self.switch) if part)
        return "".join(each if each.isalnum() or each == "_" else "-" for each in told)

    @property
    def keywords(self) -> dict[str, Any]:
        """The operator's, the switch among them."""
        name, _, value = self.switch.partition("=")
        known = {"False": False, "'leave'": "leave", "0": 0}
        return {**dict(self.options), **({name: known[value]} if name else {})}


def _both(
    event: str, switch: str, job: str, next_try: str, *options: tuple[str, Any]
) -> tuple[Row, ...]:
    return tuple(Row(event, waits, switch, job, next_try, options) for waits in (WORKER, DEFERRED))


ROWS = (
    *_both("run's `dagrun_timeout`", "", CANCELLED, NEW, RUN_LIMIT),
    *_both("run's `dagrun_timeout`", KILL_OFF, LEFT, NEW, RUN_LIMIT),
    *_both("`execution_timeout`", "", CANCELLED, NEW, TASK_LIMIT, RETRY),
    *_both("`execution_timeout`", TIMEOUT_OFF, LEFT, SAME, TASK_LIMIT, RETRY),
    Row("`execution_timeout`, DAG paused", DEFERRED, "", CANCELLED, NONE, (TASK_LIMIT,)),
    Row(
        "`execution_timeout`, no triggerer lives",
        DEFERRED, "", CANCELLED, NEW, (TASK_LIMIT, RETRY, ABANDONED),
    ),
    *_both("task marked failed", "", CANCELLED, NEW),
    *_both("task marked failed", KILL_OFF, LEFT, NEW),
    *_both("task marked success", "", CANCELLED, NEW),
    *_both("task marked success", KILL_OFF, LEFT, NEW),
    *_both("task cleared", "", CANCELLED, NEW),
    *_both("task cleared", CLEAR_OFF, LEFT, NEW),
    *_both("task cleared", KILL_OFF, CANCELLED, NEW),
    *_both("run marked failed", "", CANCELLED, NEW),
    *_both("run deleted", "", CANCELLED, NONE),
    *_both("run deleted", KILL_OFF, LEFT, NONE),
    *_both("DAG paused", "", LEFT, SAME_TRY),
    Row("worker SIGTERM", WORKER, "", LEFT, SAME_TRY),
    Row("task process SIGKILL", WORKER, "", LEFT, SAME, (RETRY,)),
    Row("worker SIGKILL", WORKER, "", LEFT, SAME, (RETRY,)),
    Row("worker SIGKILL, then task marked failed", WORKER, "", LEFT, NEW),
    Row("worker SIGKILL, then run deleted", WORKER, "", LEFT, NONE),
    Row("heartbeats lost, worker comes back", WORKER, "", LEFT, SAME, (RETRY,)),
    Row("heartbeats lost, worker comes back", WORKER, RETRIES_OFF, CANCELLED, NEW),
    Row("triggerer stalls and comes back", DEFERRED, "", LEFT, SAME_TRY, (DISTURBED,)),
    Row("triggerer stalls, task marked failed", DEFERRED, "", CANCELLED, NEW, (DISTURBED,)),
    Row("triggerer stalls, task cleared", DEFERRED, "", CANCELLED, NEW, (DISTURBED,)),
    Row("triggerer SIGKILL", DEFERRED, "", LEFT, SAME_TRY, (DISTURBED,)),
    Row("triggerer SIGTERM", DEFERRED, "", LEFT, SAME_TRY, (DISTURBED,)),
    Row("task marked failed while no triggerer lives", DEFERRED, "", LEFT, NEW, (ABANDONED,)),
)  # fmt: skip
