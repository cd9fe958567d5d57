"""Hands out faults to requests: first those asked for, then the program's; and keeps a record."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.faults.program import Asked

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.faults.fault import Fault
    from airflow_provider_fabml.emulator.faults.program import Program, Replay

MOST = 100_000
"""How many given faults are remembered one by one; they are counted without end."""


class Faults:
    """A queue of faults, a program beside it, and what was given; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Fault] = []
        self._program: Program | Replay | None = None
        self._forget()

    def _forget(self) -> None:
        self._seen: Counter[tuple[str, str]] = Counter()
        self._counts: Counter[str] = Counter()
        self._given: deque[dict[str, Any]] = deque(maxlen=MOST)

    def add(self, fault: Fault) -> None:
        """Queue a fault."""
        with self._lock:
            self._queue.append(fault.model_copy())

    def start(self, program: Program | Replay) -> None:
        """Draw from a program from the next request on; counts and record begin anew."""
        with self._lock:
            self._program = program
            self._forget()

    def stop(self) -> None:
        """Draw no more; the record stays."""
        with self._lock:
            self._program = None

    def take(self, method: str, path: str, route: str) -> Fault | None:
        """Return the fault for a request, using it up once; None where all is well."""
        with self._lock:
            asked = Asked(method, path, route, self._seen[method, route])
            self._seen[method, route] += 1
            fault = self._queued(method, path)
            if fault is None and self._program is not None:
                fault = self._program.fault(asked)
            if fault is not None:
                self._note(fault, asked)
        return fault

    def _queued(self, method: str, path: str) -> Fault | None:
        for fault in self._queue:
            if not fault.hits(method, path):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._queue.remove(fault)
            return fault
        return None

    def _note(self, fault: Fault, asked: Asked) -> None:
        self._counts[fault.kind] += 1
        told = {
            name: value for name, value in fault.told().items() if name not in {"times", "skip"}
        }
        where = asked._asdict()
        self._given.append({"kind": fault.kind, **where, "fault": told})

    def waiting(self) -> list[Fault]:
        """Return the faults that are not used up."""
        with self._lock:
            return list(self._queue)

    def program(self) -> Program | Replay | None:
        """Return the program that is drawn from, or None."""
        with self._lock:
            return self._program

    def given(self) -> dict[str, Any]:
        """Return how many requests came, how many faults of each kind they got, and each fault."""
        with self._lock:
            return {
                "requests": self._seen.total(),
                "faults": self._counts.total(),
                "counts": dict(sorted(self._counts.items())),
                "given": list(self._given),
            }

    def forget(self) -> None:
        """Begin counts and record anew."""
        with self._lock:
            self._forget()

    def clear(self) -> None:
        """Forget all faults that wait, and the program: all is well from now on."""
        with self._lock:
            self._queue.clear()
            self._program = None
