"""Moves jobs through their states and has their work done; the only writer of a job's state."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_fabml.emulator.processes import JobKilledError
from airflow_provider_fabml.emulator.timers import Timers
from airflow_provider_fabml.emulator.transitions import (
    TERMINAL,
    Outcome,
    next_state,
    remaining_dwell,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.emulator.state import Job
    from airflow_provider_fabml.emulator.workspace import Clock

log = logging.getLogger(__name__)


class Runner:
    """Runs jobs on a clock that is immediate, timed or manual.

    ``work`` does one job's work and returns whether it succeeded; ``nodes`` jobs run at a time.
    """

    def __init__(self, work: Callable[[Job], bool], clock: Clock, nodes: int) -> None:
        self._work, self.clock = work, clock
        self.timers = Timers()
        self._pool = ThreadPoolExecutor(nodes, thread_name_prefix="emulator-node")
        self._lock = threading.RLock()
        self._stopping = False

    def submit(self, job: Job) -> None:
        """Let a new job begin its way."""
        self._enter(job, job.state)

    def cancel(self, job: Job, seconds: float) -> None:
        """Kill the job's processes; it is ``Canceled`` after ``seconds``."""
        with self._lock:
            if job.state in TERMINAL or job.state == "CancelRequested":
                return
            job.forced = None
            self._enter(job, "CancelRequested", dwell=seconds)
        job.processes.kill()

    def advance(self, job: Job, *, timeout: float = 60) -> str:
        """Move a job one state on (manual clock); waits for its work where it is needed."""
        if job.state == "Running":
            job.work_over.wait(timeout)
        with self._lock:
            self._leave(job, job.state)
        return job.state

    def force(self, job: Job, state: str | None, error: str | None) -> None:
        """Show ``state`` whatever happens; a terminal one ends the job, None lifts it."""
        with self._lock:
            if state in TERMINAL:
                job.forced, job.error = None, error
                self._enter(job, state)
            else:
                job.forced = state
        if state in TERMINAL:
            job.processes.kill()

    def lift(self, job: Job, state: str) -> None:
        """Show the real state again, if ``state`` is what is shown instead of it."""
        with self._lock:
            if job.forced == state:
                job.forced = None

    def stop(self, jobs: list[Job]) -> None:
        """Kill every process; no job goes on afterwards."""
        self._stopping = True
        self.timers.stop()
        for job in jobs:
            job.processes.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _dwell(self, state: str) -> float | None:
        """Return how long a state lasts at least, in seconds; None until the control API says."""
        if self.clock.mode == "manual":
            return None
        if self.clock.mode == "immediate":
            return 0.0
        return dict(self.clock.seconds).get(state, 0.0)  # type: ignore[call-overload,no-any-return]

    def _enter(self, job: Job, state: str, *, dwell: float | None = None) -> None:
        with self._lock:
            job.state, job.entered = state, self.timers.now()
            if state in TERMINAL:
                job.ended = datetime.now(UTC)
                _end_children(job)
                job.settled.set()
                return
            if state == "Running":
                job.started = datetime.now(UTC)
                self._pool.submit(self._do, job)
                return
            seconds = self._dwell(state) if dwell is None else dwell
        if seconds is not None:
            self.timers.after(seconds, lambda: self._leave(job, state))

    def _leave(self, job: Job, state: str) -> None:
        """Leave ``state`` unless the job has left it already."""
        with self._lock:
            following = next_state(state, job.outcome)
            if job.state == state and following is not None and not self._stopping:
                self._enter(job, following)

    def _do(self, job: Job) -> None:
        try:
            ok = self._work(job)
        except JobKilledError:
            return
        except Exception as error:
            log.exception("the work of job %s broke", job.name)
            ok, job.error = False, f"{type(error).__name__}: {error}"
        with self._lock:
            job.outcome = Outcome(ok)
            job.work_over.set()
            dwell = self._dwell("Running")
        if dwell is not None:
            left = remaining_dwell(job.entered, dwell, self.timers.now())
            self.timers.after(left, lambda: self._leave(job, "Running"))


def _end_children(job: Job) -> None:
    for child in job.children:
        if child.status not in TERMINAL:
            child.status = job.state
        child.ended = child.ended or job.ended
