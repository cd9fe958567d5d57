"""Waiting in a worker: sleep, look, and notice when a person ended the task."""

from __future__ import annotations

import logging
import random
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.errors import FabmlError, PermanentError, TransientError
from airflow_provider_fabml.core.jobs.ending import Fate, fate_on_worker
from airflow_provider_fabml.core.jobs.watch import (
    Ended,
    Look,
    NotSeen,
    OutOfTime,
    Refused,
    Seen,
    watch,
)
from airflow_provider_fabml.hooks.task_state import task_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.core.jobs.ending import Wish
    from airflow_provider_fabml.core.jobs.job import JobHandle
    from airflow_provider_fabml.core.jobs.polling import Pace

log = logging.getLogger(__name__)


# The supervisor grants five seconds after SIGTERM; a hiccup of the API server may cost some of them.
ASKS, BETWEEN_ASKS = 3, 0.5


class TaskEndedError(FabmlError):
    """The task is no longer to wait for its job, of which ``fate`` says what becomes."""

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        super().__init__(f"told to stop: {fate.value}")


class Interruptible:
    """A sleep that a signal handler can end, after which the task's own state decides (D7).

    Airflow 3.3 calls ``on_kill`` for every SIGTERM, also for a worker's rolling restart, during which
    the task goes on running. Its channel to the supervisor may not be used inside a signal handler
    (the lock is not re-entrant), so the handler only sets a flag.
    """

    def __init__(self) -> None:
        self._flag = threading.Event()

    def told_to_stop(self) -> None:
        """Called by ``on_kill``, inside a signal handler."""
        self._flag.set()

    def sleep(self, seconds: float, fate: Callable[[], Fate]) -> None:
        """Sleep; raises ``TaskEndedError`` when the task is no longer to wait."""
        if not self._flag.wait(seconds):
            return
        self._flag.clear()
        found = fate()
        if found is Fate.GO_ON:
            log.info("Told to stop, but the task is still to run: going on")
            return
        raise TaskEndedError(found)


def fate_of(ti: Any, wish: Wish) -> Fate:
    """What becomes of the job, as Airflow has the task now. Where it cannot say: going on."""
    for number in range(ASKS):
        try:
            return fate_on_worker(task_state(ti), wish)
        except Exception as error:  # noqa: BLE001 - not knowing must never cancel a job
            log.warning("Airflow does not say whether the task is to run: %s", error)
        if number < ASKS - 1:
            time.sleep(BETWEEN_ASKS)
    return Fate.GO_ON


def wait_for_job(
    client: BatchEndpointClient,
    handle: JobHandle,
    pace: Pace,
    *,
    deadline: datetime | None,
    sleep: Callable[[float], None],
) -> Ended | OutOfTime:
    """Drive ``watch`` in this thread; raises ``PermanentError`` where looks are refused for good."""
    watching = watch(pace, deadline=deadline, jitter=random.random, status=handle.status)
    answer: Seen | NotSeen | None = None
    try:
        while True:
            step = watching.send(answer)
            answer = None
            if isinstance(step, Look):
                answer = _look(client, handle)
            else:
                if step.note:
                    log.info("Job %s: %s", handle.job_name, step.note)
                sleep(step.seconds)
    except StopIteration as stop:
        outcome: Ended | OutOfTime | Refused = stop.value
    if isinstance(outcome, Refused):
        raise PermanentError(outcome.what, url=handle.studio_url or None)
    return outcome


def _look(client: BatchEndpointClient, handle: JobHandle) -> Seen | NotSeen:
    try:
        view = client.get_job(handle.job_name)
    except (TransientError, PermanentError) as error:
        return NotSeen.because(error, datetime.now(UTC))
    return Seen(view.status, datetime.now(UTC))
