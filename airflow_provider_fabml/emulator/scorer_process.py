"""One worker of a model deployment: the scoring script in a process of its own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.processes import JobKilledError

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.processes import Processes

_DRIVER = Path(__file__).with_name("driver.py")
_INIT_SECONDS = 300.0


class ScriptError(Exception):
    """``run()`` raised, or the process died."""


class ScriptInitError(Exception):
    """``init()`` raised: no retry can help."""


class ScriptTimeoutError(ScriptError):
    """``run()`` took longer than the mini-batch's timeout."""


class ScorerProcess:
    """Starts the script when first needed, and again after it had to be killed."""

    def __init__(
        self, script: Path, env: dict[str, str], to_csv: dict[str, Any], log: Path, home: Processes
    ) -> None:
        self._script, self._env, self._to_csv = script, env, to_csv
        self._log, self._home = log, home
        self._process: subprocess.Popen[str] | None = None
        self._answers = -1
        self._buffer = b""
        self._interrupted = threading.Event()

    def score(self, files: list[str], rows: Path, timeout: float) -> int:
        """Run one mini-batch; return how many items came back, their lines being in ``rows``.

        Raises ``ScriptTimeoutError`` after ``timeout`` seconds (the process is killed then),
        ``ScriptError`` when ``run()`` fails, ``ScriptInitError`` when ``init()`` does,
        ``JobKilledError`` when the job was killed.
        """
        process = self._started()
        line = json.dumps({"files": files, "rows": str(rows)}) + "\n"
        try:
            process.stdin.write(line)  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            self._died()
        answer = self._read(timeout)
        if not answer["ok"]:
            raise ScriptError(answer["error"])
        return int(answer["count"])

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._home.end(self._process)
            self._process.stdin.close()  # type: ignore[union-attr]
            os.close(self._answers)
            self._process, self._buffer = None, b""

    def interrupt(self) -> None:
        """Kill the process from another thread; whoever waits for an answer is told."""
        self._interrupted.set()
        if (process := self._process) is not None:
            self._home.end(process)

    def _started(self) -> subprocess.Popen[str]:
        if self._interrupted.is_set():
            raise JobKilledError
        if self._process is None:
            ours, theirs = os.pipe()
            try:
                self._process = self._launch(theirs)
            except BaseException:
                os.close(ours)
                raise
            finally:
                os.close(theirs)
            self._answers = ours
            if self._interrupted.is_set():  # while the process was being started
                self.stop()
                raise JobKilledError
            answer = self._read(_INIT_SECONDS)
            if not answer["ready"]:
                self.stop()
                raise ScriptInitError(f"init() failed: {answer['error']}")
        return self._process

    def _launch(self, answers: int) -> subprocess.Popen[str]:
        command = [sys.executable, str(_DRIVER), str(self._script), str(answers)]
        with self._log.open("a", encoding="utf-8") as log:
            return self._home.start(
                [*command, json.dumps(self._to_csv)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(answers,),
                env=self._env,
            )

    def _read(self, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._answers], [], [], max(0.0, left))
            if not ready:
                self.stop()
                raise ScriptTimeoutError(
                    f"No progress update in {timeout:g} seconds. No progress update in this check."
                )
            chunk = os.read(self._answers, 65536)
            if not chunk:
                self._died()
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self) -> None:
        process = self._process
        code = process.wait() if process is not None else None
        self.stop()
        if self._home.killed.is_set() or self._interrupted.is_set():
            raise JobKilledError
        raise ScriptError(f"the scoring process ended with code {code}")
