"""One worker process of the soak: it runs tasks one after the other, with retries as Airflow gives them."""

from __future__ import annotations

import json
import os
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

TRIES = 4  # retries=3
TIMEOUT = timedelta(minutes=10)
# Longer than a stale page of the service's lists stays stale (emulator, kind `stale_list`: 5 s).
SETTLE_WINDOW = timedelta(seconds=7)


class Share(NamedTuple):
    """What one process is to do: the numbers of its tasks, and how to reach the services."""

    numbers: list[int]
    connections: dict[str, dict[str, Any]]
    folder: str
    wait: bool
    written: Path


class Task(NamedTuple):
    """What came of one task: its state, tries, modes, result and the last error's text."""

    number: int
    run_id: str
    tries: int
    deferrable: bool
    state: str
    result: dict[str, Any] | None
    error: str


def work(share: Share) -> list[Task]:
    """Run all tasks of a share; everything they wrote goes to ``share.written``."""
    with share.written.open("a") as book:
        for stream in (1, 2):  # what tasks and libraries print belongs to what was written
            os.dup2(book.fileno(), stream)
        return [_run(number, share, book) for number in share.numbers]


def _run(number: int, share: Share, book: Any) -> Task:
    from support.task_runner import run_to_end

    run_id, store, deferrable = f"soak__{number}", {}, number % 2 == 1
    outcome: Any = None
    for tried in range(1, TRIES + 1):
        outcome = run_to_end(
            _operator(number, share, deferrable=deferrable),
            connections=share.connections,
            state_store=store,
            run_id=run_id,
            try_number=tried,
            max_tries=TRIES - 1,
            start_date=datetime.now(UTC),
            timeout=TIMEOUT.total_seconds(),
        )
        _write(book, run_id, outcome)
        if outcome.state != "up_for_retry":
            break
    error = str(outcome.error or "")
    return Task(number, run_id, tried, deferrable, outcome.state, outcome.result, error)


def _operator(number: int, share: Share, *, deferrable: bool) -> Any:
    from faults.soak.sdk_calls import deployment_of
    from support.operators import Score

    from airflow_provider_fabml import UriFolder

    class Patient(Score):
        """With a settle window that fits the soak's faults."""

        settle_window = SETTLE_WINDOW

    return Patient(
        task_id="score",
        azure_ml_conn_id=f"azure_ml_{number % 2}",
        storage_conn_id="onelake_default" if share.wait else None,
        endpoint_name="heart-classifier",
        deployment_name=deployment_of(number),
        inputs={"heart": UriFolder(share.folder)},
        output_root="azureml://datastores/trusted_blob/paths/soak",
        wait_for_completion=share.wait,
        deferrable=deferrable,
        poll_interval=2,
        retries=TRIES - 1,
        execution_timeout=TIMEOUT,
    )


def _write(book: Any, run_id: str, outcome: Any) -> None:
    """All that leaves the task: its log, its errors with their causes, XComs, state, messages.

    Only what it asks the supervisor to mask in logs is left out: that has to name the secret.
    """
    error = "".join(traceback.format_exception(outcome.error)) if outcome.error else ""
    sent = [repr(m) for m in outcome.sent if type(m).__name__ != "MaskSecret"]
    kept = {"xcoms": outcome.xcoms, "store": outcome.store}
    lines = [run_id, *outcome.log, error, *sent, json.dumps(kept, default=repr), ""]
    book.write("\n".join(lines))
