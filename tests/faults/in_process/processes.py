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
    "airflow.api_fastapi.execution_api.datamodels.asset",
    "airflow.sdk.definitions.timetables.trigger",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.serialization.definitions.assets",
    "airflow.utils.net",
    "airflow_provider_fabml.clients.batch_endpoint",
    "airflow_provider_fabml.clients.completion",
    "airflow_provider_fabml.clients.credentials",
    "airflow_provider_fabml.clients.data_checks",
    "airflow_provider_fabml.clients.predicates",
    "airflow_provider_fabml.clients.read_back",
    "airflow_provider_fabml.clients.storage",
    "airflow_provider_fabml.clients.submitter",
    "airflow_provider_fabml.hooks.onelake",
    "airflow_provider_fabml.triggers.azure_ml",
    "asgiref.sync",
    "azure.core.rest._aiohttp",
    "azure.core.rest._requests_basic",
    "azure.identity.aio",
    "azure.storage.blob",
    "aiohttp",
    "jinja2.ext",
    "msal_extensions",
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
