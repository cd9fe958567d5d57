"""The emulator's clock: real seconds plus what the control API added, and one thread of timers."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Timers:
    """Calls functions when the emulator's clock reaches their time."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._change = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="emulator-clock", daemon=True)
        self._thread.start()

    def now(self) -> float:
        """Return the seconds on the emulator's clock."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        with self._change:
            self._offset += seconds
            self._change.notify()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` in ``seconds``; at once, in this thread, when that is 0."""
        if seconds <= 0:
            action()
            return
        with self._change:
            heapq.heappush(self._heap, (self.now() + seconds, next(self._order), action))
            self._change.notify()

    def stop(self) -> None:
        """Forget every timer and end the thread."""
        with self._change:
            self._stopped = True
            self._change.notify()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while True:
            with self._change:
                if self._stopped:
                    return
                wait = self._heap[0][0] - self.now() if self._heap else None
                if wait is None or wait > 0:
                    self._change.wait(wait)
                    continue
                _, _, action = heapq.heappop(self._heap)
            action()
