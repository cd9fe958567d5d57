"""The window that cannot be closed: a job that no list shows in time. Its twin is never silent."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.meanwhile import meanwhile, until
from support.operators import ROOT, Score, new_run
from support.task_runner import run_to_end

from airflow_provider_fabml import UriFolder

if TYPE_CHECKING:
    from support.scoring import Scoring

pytestmark = pytest.mark.azurite


class Hasty(Score):
    """With a settle window that is shorter than the service's delay."""

    settle_window = timedelta(seconds=1)


def test_a_job_that_was_listed_too_late_is_told_when_the_task_ends(manual_scoring: Scoring):
    """The answer is lost and the lists are slow: the second job's result counts, the first is named."""
    control = manual_scoring.emulator.control
    control.set_switches(listed_after_seconds=4)
    control.add_fault(kind="lost_answer", method="POST", path="/jobs$")
    operator = Hasty(
        task_id="score",
        endpoint_name="heart-classifier",
        inputs={"heart": UriFolder(manual_scoring.upload())},
        output_root=ROOT,
        poll_interval=1,
    )

    def end() -> None:
        until(lambda: len(control.jobs()) == 2)
        time.sleep(5)
        for _ in range(5):
            control.advance_job(control.jobs()[-1]["name"])

    with meanwhile(end):
        done = run_to_end(
            operator,
            connections=manual_scoring.connections,
            run_id=new_run(),
            start_date=datetime.now(UTC),
        )
    first, second = (job["name"] for job in control.jobs())
    assert done.result["job_name"] == second, done.text
    (told,) = [line for line in done.log if "no list showed" in line]
    assert f"so job {second} was started" in told
    assert f"one of these: {first}." in told
    assert "heart-classifier" in told
