"""The processes of one job: started in sessions of their own, killed with all their children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from typing import Any


class JobKilledError(Exception):
    """The job was cancelled, or the emulator stops."""


class Processes:
    """Starts processes for a job until it is killed; afterwards starts none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self.killed = threading.Event()

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        """Start ``command``; raise ``JobKilledError`` once the job was killed."""
        with self._lock:
            if self.killed.is_set():
                raise JobKilledError
            process = subprocess.Popen(command, start_new_session=True, text=True, **options)
            self._running.add(process)
            return process

    def pids(self) -> list[int]:
        """Return the process ids that still run."""
        with self._lock:
            return [process.pid for process in self._running if process.poll() is None]

    def end(self, process: subprocess.Popen[str]) -> None:
        """Kill one process with its children and wait for it."""
        with self._lock:
            ours = process in self._running
            self._running.discard(process)
        if ours:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill(self) -> None:
        """Kill every process of the job; none can be started afterwards."""
        with self._lock:
            self.killed.set()
            running = list(self._running)
        for process in running:
            self.end(process)
