"""One real stack for all system tests: storage, Azure ML, Airflow with its four processes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from airflow_provider_fabml.local.breast_cancer.data import Prepared
from airflow_provider_fabml.local.demo import Run, bring_up, run_dag
from airflow_provider_fabml.local.show import Show
from airflow_provider_fabml.local.stack import Stack

DAGS = Path(__file__).resolve().parents[2] / "dags"


class Running(NamedTuple):
    """A stack that runs, what was uploaded to it, and what the terminal shows."""

    stack: Stack
    prepared: Prepared
    show: Show
    shown: io.StringIO

    def airflow(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the ``airflow`` command against it; its exit code is the caller's to judge."""
        env = {**os.environ, **self.stack.airflow.settings, **self.stack.connections}
        command = [sys.executable, "-m", "airflow", *arguments]
        return subprocess.run(
            command, check=False, env=env, capture_output=True, text=True, timeout=240
        )

    def backfill(self, dag_id: str, first: str, last: str, *more: str) -> None:
        """Run ``airflow backfill create``, again while SQLite says that the scheduler was writing.

        Airflow removes the half-made backfill then, "so the user can retry" (_create_backfill in
        airflow/models/backfill.py); with Postgres it would have waited.
        """
        period = ["--dag-id", dag_id, "--from-date", first, "--to-date", last]
        for _ in range(6):
            done = self.airflow("backfill", "create", *period, *more)
            if "database is locked" not in done.stderr:
                break
        assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="session")
def running(node, tmp_path_factory) -> Running:
    """The stack, brought up as ``make demo`` does it."""
    shown = io.StringIO()
    show = Show(Console(file=shown, highlight=False, soft_wrap=True))
    with Stack(tmp_path_factory.mktemp("stack") / "here", DAGS) as stack:
        yield Running(stack, bring_up(stack, show), show, shown)


@pytest.fixture(scope="session")
def demo_run(running) -> Run:
    """The demo's DAG run, finished with success."""
    return run_dag(running.stack, running.show)
