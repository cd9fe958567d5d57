"""Starts task processes and serves them until they end, or are killed with SIGKILL."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkServerContext
    from multiprocessing.process import BaseProcess

    from faults.in_process.task_process import KillHook, Wait, Work

_PRELOADED = (
    "__main__",
    "faults.in_process.task_process",
    "support.operators",
    "airflow.sdk.execution_time.task_runner",
    "airflow_provider_fabml.triggers.azure_ml",
    "airflow_provider_fabml.clients.submitter",
    "airflow_provider_fabml.clients.completion",
    "airflow_provider_fabml.hooks.onelake",
    "azure.identity.aio",
    "azure.storage.blob",
    "aiohttp",
)


class KilledError(Exception):
    """The harness wants the process dead, at this very point."""


class BrokenError(Exception):
    """The process ended in a way that no plan asked for."""


@functools.cache
def _server() -> ForkServerContext:
    """A clean, single-threaded process with everything imported: a fork of it costs 10 ms."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    before = dict(os.environ)
    # Python 3.11 does not hand sys.path to this process, and puts the current folder first.
    os.environ.update(PYTHONPATH=os.pathsep.join(sys.path), PYTHONSAFEPATH="1")
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context


def run_turn(
    turn: Work | Wait | KillHook,
    serve: Callable[[BaseProcess, str, Any, Callable[[Any], None]], None],
) -> str | None:
    """Run a turn in a new process; give its log, or None where it was killed.

    ``serve(process, kind, value, reply)`` answers each question by calling ``reply``; it raises
    ``KilledError`` to kill the process instead.
    """
    from faults.in_process.task_process import serve as program

    ours, theirs = _server().Pipe()
    process = _server().Process(target=program, args=(theirs, turn), daemon=True)
    process.start()
    theirs.close()
    try:
        while True:
            kind, value = ours.recv()
            if kind == "over":
                ours.send(None)
                return str(value)
            if kind == "broken":
                raise BrokenError(value)
            serve(process, kind, value, ours.send)
    except KilledError:
        return None
    except EOFError as error:
        raise BrokenError(f"exit code {process.exitcode}") from error
    finally:
        process.kill()
        process.join()
        ours.close()
