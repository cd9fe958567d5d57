"""Become another command that ends when its parent ends.

Run as ``python -I -S guard.py PARENT_PID COMMAND...``. On Linux the kernel sends SIGTERM when the
parent is gone (prctl(2), PR_SET_PDEATHSIG, which survives execve); elsewhere the command just runs
and the parent's own atexit hook stops it. A script of its own because ``preexec_fn`` is unsafe in
a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, close the race with a parent that is already gone, then exec."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("The parent ended before its child began.")
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the point


if __name__ == "__main__":
    main()
