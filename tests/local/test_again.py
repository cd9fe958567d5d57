"""A process that breaks after it had worked is started again; one that never worked is not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from airflow_provider_fabml.local import again

RUN = [sys.executable, "-I", "-S", str(Path(again.__file__))]
BREAKS = "import sys, time; time.sleep({}); print('here', flush=True); sys.exit(3)"


def test_a_command_that_breaks_at_once_is_not_repeated():
    """Its exit code is handed on, so that a wrong setting is told and not looped over."""
    done = subprocess.run(
        [*RUN, sys.executable, "-c", BREAKS.format(0)], check=False, capture_output=True
    )
    assert done.returncode == 3
    assert done.stdout.split() == [b"here"]


def test_a_command_that_had_worked_is_started_again(tmp_path):
    """It runs again without being asked, and SIGTERM ends it for good with success."""
    script = Path(again.__file__).read_text().replace("LONG_ENOUGH = 15.0", "LONG_ENOUGH = 0.3")
    (tmp_path / "again.py").write_text(script)
    guard = Path(again.__file__).with_name("guard.py")
    (tmp_path / "guard.py").write_text(guard.read_text())
    argv = [sys.executable, "-I", "-S", str(tmp_path / "again.py")]
    process = subprocess.Popen(
        [*argv, sys.executable, "-c", BREAKS.format(0.5)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(3)] == [b"here\n"] * 3
    process.terminate()
    assert process.wait(timeout=10) == 0


def test_it_hands_the_signal_on():
    """A command that would last is ended with its keeper, and soon."""
    process = subprocess.Popen([*RUN, sys.executable, "-c", "import time; time.sleep(60)"])
    time.sleep(0.7)
    began = time.monotonic()
    process.terminate()
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - began < 5
