"""A child process is waited for, reported on, and stopped with everything it started."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time

import psutil
import pytest

from airflow_provider_fabml.local.ports import free_ports
from airflow_provider_fabml.local.process import Child, StackError, started_at, tail

SLEEP = "import time; time.sleep(60)"


def _python(code: str, log, **more: object) -> Child:
    return Child("helper", [sys.executable, "-c", code], log=log, **more)


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_ready_returns_what_the_probe_found(tmp_path):
    """The first true answer of the probe ends the wait."""
    log = tmp_path / "log"
    child = _python(f"print('port 7', flush=True); {SLEEP}", log).start()
    try:
        assert child.wait_ready(log.read_text, timeout=10) == "port 7\n"
    finally:
        child.stop()
    assert not child.running


def test_a_death_before_ready_shows_exit_code_and_log(tmp_path):
    """A child that ends is not waited for, and its last words are in the error."""
    child = _python("import sys; print('no licence'); sys.exit(3)", tmp_path / "log").start()
    with pytest.raises(StackError, match=r"(?s)helper ended before.*exit code 3.*no licence"):
        child.wait_ready(lambda: None, timeout=10)


def test_too_slow_is_an_error(tmp_path):
    """A child that never serves is reported after the given time."""
    child = _python(SLEEP, tmp_path / "log").start()
    try:
        with pytest.raises(StackError, match="was not ready after 0 s"):
            child.wait_ready(lambda: None, timeout=0.2)
    finally:
        child.stop()


def test_stop_ends_grandchildren_that_outlived_their_parent(tmp_path):
    """A process whose parent ended is found by its session and ended too."""
    log = tmp_path / "log"
    code = (
        "import subprocess, sys\n"
        f"print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True)"
    )
    child = _python(code, log).start()
    child.wait(10)
    grandchild = int(log.read_text())
    assert psutil.pid_exists(grandchild)
    child.stop()
    assert _gone(grandchild)


def test_stop_kills_what_ignores_sigterm(tmp_path):
    """After the grace SIGKILL follows."""
    log = tmp_path / "log"
    ignore = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"
    )
    child = _python(f"{ignore}; {SLEEP}", log).start()
    child.wait_ready(log.read_text, timeout=10)
    child.stop(grace=0.3)
    assert _gone(child.pid)


def test_it_may_outlive_its_parent(tmp_path):
    """With ``outlives`` the child goes on after its parent has ended."""
    code = (
        "import sys, pathlib\nfrom airflow_provider_fabml.local.process import Child\n"
        f"child = Child('x', [sys.executable, '-c', {SLEEP!r}], "
        f"log=pathlib.Path({str(tmp_path / 'log')!r}), outlives=True).start()\nprint(child.pid)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    try:
        assert psutil.Process(pid).is_running()
    finally:
        psutil.Process(pid).kill()


def test_it_ends_with_its_parent(tmp_path):
    """Without ``outlives`` an ending parent takes its child along."""
    code = (
        "import sys, pathlib\nfrom airflow_provider_fabml.local.process import Child\n"
        f"child = Child('x', [sys.executable, '-c', {SLEEP!r}], "
        f"log=pathlib.Path({str(tmp_path / 'log')!r})).start()\nprint(child.pid)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert _gone(int(done.stdout))


def test_the_log_is_private(tmp_path):
    """Only the owner may read what a child prints."""
    child = _python("print('x')", tmp_path / "new" / "log").start()
    child.wait(10)
    assert stat.S_IMODE(child.log.stat().st_mode) == 0o600


def test_tail_is_the_end_of_the_log(tmp_path):
    """The last lines are shown, indented; a missing log is said to be missing."""
    log = tmp_path / "log"
    assert tail(log) == "  (no log)"
    log.write_text("".join(f"line {number}\n" for number in range(50)))
    assert tail(log, 2) == "  line 48\n  line 49\n"


def test_creation_time_tells_processes_apart():
    """Our own process has a creation time; an id nobody has, has none."""
    assert started_at(os.getpid()) == psutil.Process().create_time()
    assert started_at(2**22 + 1) is None


def test_free_ports_differ():
    """Ports asked for together are different."""
    assert len(set(free_ports(20))) == 20
