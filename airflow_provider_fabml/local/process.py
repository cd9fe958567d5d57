"""One child process: started with its own log, waited for until it serves, stopped for certain."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import time
import weakref
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")
GUARD = Path(__file__).with_name("guard.py")
_children: weakref.WeakSet[Child] = weakref.WeakSet()


class StackError(RuntimeError):
    """A part of the local stack did not do what it must; the text shows its log's end."""


class Child:
    """A process we start, know by its own identity, and stop together with its descendants.

    :param name: how messages name it.
    :param argv: the command. Secrets go through *env*: everybody on the machine can read argv.
    :param log: file that receives what the process prints; appended to, mode 0600.
    :param env: the whole environment; ours if absent.
    :param cwd: working directory; ours if absent.
    :param outlives: leave it running when we end (``make up``). Otherwise the kernel ends it when
        the thread that started it ends (Linux), and an atexit hook does everywhere.
    :param keep_stdout: False logs only what goes to stderr.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        outlives: bool = False,
        keep_stdout: bool = True,
    ) -> None:
        self.name, self.argv, self.log, self.cwd = name, list(argv), log, cwd
        self.env = dict(os.environ if env is None else env)
        self.outlives, self.keep_stdout = outlives, keep_stdout
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"Child({self.name!r}, pid={self._process.pid if self._process else None})"

    @property
    def pid(self) -> int:
        """The process id; RuntimeError before :meth:`start`."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the process in a session of its own, so that Ctrl-C reaches us alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid())]
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as log:
            self._process = subprocess.Popen(
                self.argv if self.outlives else guard + self.argv,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log if self.keep_stdout else subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        if not self.outlives:
            _children.add(self)
        return self

    def wait_ready(self, probe: Callable[[], T | None], *, timeout: float) -> T:
        """Return the first true value of *probe*, asked ten times a second.

        Raises :class:`StackError` when the process ends first or *timeout* seconds pass.
        """
        deadline = time.monotonic() + timeout
        while True:
            if not self.running:
                raise StackError(self.report("ended before it was ready"))
            if value := probe():
                return value
            if time.monotonic() > deadline:
                raise StackError(self.report(f"was not ready after {timeout:.0f} s"))
            time.sleep(0.1)

    def wait(self, timeout: float) -> int:
        """Return its exit code; :class:`StackError` if it runs longer than *timeout* seconds."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started.")
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise StackError(self.report(f"did not finish in {timeout:.0f} s")) from None

    def terminate(self) -> None:
        """Ask it to end, without waiting; :meth:`stop` makes sure."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, grace: float = 10) -> None:
        """End it and its descendants: SIGTERM, *grace* seconds to finish, SIGKILL."""
        if self._process is not None:
            end_tree(self._process.pid, grace=grace)
            self._process.wait()
        _children.discard(self)

    def report(self, what: str) -> str:
        """Say what happened, with the exit code and the log's last lines."""
        code = self._process.poll() if self._process else None
        ended = "" if code is None else f" (exit code {code})"
        return f"{self.name} {what}{ended}. Log: {self.log}\n{tail(self.log)}"


def tail(log: Path, lines: int = 15) -> str:
    """Return the last *lines* lines of *log*, indented; a word if there is none."""
    if not log.exists():
        return "  (no log)"
    with log.open(encoding="utf-8", errors="replace") as file:
        return "".join(f"  {line.rstrip()}\n" for line in deque(file, maxlen=lines))


def started_at(pid: int) -> float | None:
    """Return when process *pid* was created (seconds since the epoch), None if there is
    none or it has ended and only waits to be reaped.

    A process id is reused; the pair of id and creation time is not (psutil, "Process class").
    """
    try:
        process = psutil.Process(pid)
        return None if _is_zombie(process) else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def end_tree(pid: int, *, grace: float) -> None:
    """SIGTERM process *pid*, then SIGKILL what is left of its session and its descendants.

    :param pid: a process that :class:`Child` started: it leads a session of its own, by which
        children are found that outlived it.
    :param grace: seconds between the two signals.
    """
    family = _family(pid)
    # The leader ends its children in its own order; without a leader each is asked.
    leader = [process for process in family if process.pid == pid]
    for process in leader or family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(family, timeout=grace)
    alive = list({*alive, *_family(pid)})
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def has_session(pid: int) -> bool:
    """Whether any process belongs to the session that *pid* led, be *pid* itself gone or not."""
    return bool(_family(pid))


def _family(pid: int) -> list[psutil.Process]:
    found = {each for each in psutil.process_iter() if _session(each.pid) == pid}
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        found |= {leader, *leader.children(recursive=True)}
    return [each for each in found if each.is_running() and not _is_zombie(each)]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@atexit.register
def _stop_all() -> None:
    for child in list(_children):
        child.stop(grace=5)
