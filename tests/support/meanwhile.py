"""What happens beside a test, in a thread that ends by itself, and does not outlast the test."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 90.0


def until(condition: Callable[[], object], seconds: float = LIMIT) -> None:
    """Wait for a condition; raises ``TimeoutError``."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"not so within {seconds:g} s: {condition}")
        time.sleep(0.05)


@contextmanager
def meanwhile(happening: Callable[[], object]) -> Iterator[None]:
    """Let something happen while the body runs; its error is raised where the body has none."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            happening()
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join(LIMIT + 10)
    if thread.is_alive():
        errors.append(TimeoutError(f"{happening} does not end"))
    if errors:
        raise errors[0]


@contextmanager
def alarm_of_ones_own() -> Iterator[None]:
    """Put back the alarm that limits a test, which Airflow's ``execution_timeout`` takes away."""
    handler, (left, _) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    began = time.monotonic()
    try:
        yield
    finally:
        if left and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGALRM, handler)
            rest = max(left - (time.monotonic() - began), 1.0)
            signal.setitimer(signal.ITIMER_REAL, rest)
