"""Run a command, and start it again when it breaks, as an init system or Kubernetes would.

Run as ``python -I -S again.py COMMAND...``. Airflow's scheduler gives up on some database errors (a
backfill that SQLite refused half-way leaves rows that vanish under it) and counts on being started
anew. A command that breaks within its first seconds is not: it would only break again.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

GUARD = Path(__file__).with_name("guard.py")
LONG_ENOUGH = 15.0  # seconds after which a command counts as one that had worked


def main() -> int:
    """Give the command's exit code once it ends by itself, or is asked to."""
    asked = False
    child: subprocess.Popen[bytes] | None = None

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        if child is not None:
            child.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while True:
        began = time.monotonic()
        guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid())]
        child = subprocess.Popen([*guard, *sys.argv[1:]])
        code = child.wait()
        if asked or code == 0 or time.monotonic() - began < LONG_ENOUGH:
            return 0 if asked else code
        sys.stderr.write(f"{sys.argv[-1]} ended with {code}: starting it again\n")


if __name__ == "__main__":
    sys.exit(main())
