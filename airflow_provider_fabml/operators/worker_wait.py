"""Waiting in a worker: sleep, look, and notice when a person ended the task."""

from __future__ import annotations

import logging
import random
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.errors import FabmlError, PermanentError, TransientError
from airflow_provider_fabml.core.jobs.watch import Ended, Look, NotSeen, OutOfTime, Seen, watch
from airflow_provider_fabml.hooks.task_state import task_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.core.jobs.job import JobHandle
    from airflow_provider_fabml.core.jobs.polling import Pace

log = logging.getLogger(__name__)


class TaskEndedError(FabmlError):
    """A person ended the task while it was waiting."""


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

    def sleep(self, seconds: float, still_running: Callable[[], bool]) -> None:
        """Sleep; raises ``TaskEndedError`` when the task is no longer to run."""
        if not self._flag.wait(seconds):
            return
        self._flag.clear()
        if still_running():
            log.info("Told to stop, but the task is still to run: going on")
            return
        raise TaskEndedError("the task was ended by a person")


def still_running(ti: Any) -> bool:
    """Whether Airflow still has this task instance as running. When it cannot say: yes."""
    try:
        return task_state(ti) in (None, "running")
    except Exception as error:  # noqa: BLE001 - not knowing must never cancel a job
        log.warning("Airflow does not say whether the task is to run (%s): going on", error)
        return True


def wait_for_job(
    client: BatchEndpointClient,
    handle: JobHandle,
    pace: Pace,
    *,
    deadline: datetime | None,
    sleep: Callable[[float], None],
) -> Ended | OutOfTime:
    """Drive ``watch`` in this thread."""
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
        outcome: Ended | OutOfTime = stop.value
        return outcome


def _look(client: BatchEndpointClient, handle: JobHandle) -> Seen | NotSeen:
    try:
        view = client.get_job(handle.job_name)
    except TransientError as error:
        return NotSeen(str(error), datetime.now(UTC), error.retry_after)
    except PermanentError as error:
        raise PermanentError(str(error), status=error.status, url=handle.studio_url) from error
    return Seen(view.status, datetime.now(UTC))
