"""Dates, access that comes later, and what the UI shows of a waiting sensor, in every mode."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime

import pytest
from airflow.sdk.exceptions import AirflowFailException
from azure.storage.blob import BlobServiceClient
from landing.predicate import is_final
from support.onelake_sensor import MODES, lake_connection, sensor
from support.task_runner import run_task, run_to_end

from airflow_provider_fabml.core.errors import UsageError

pytestmark = pytest.mark.azurite
DAY = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(params=MODES)
def mode(request) -> dict:
    """Each way to wait."""
    return MODES[request.param]


def test_the_runs_date_is_written_into_names(mode, connections, container):
    """A dated folder is found, and a timeout names the folder that was waited for."""
    container.upload_blob("datasets/year=2026/month=01/day=05/a%20b.csv", b"1")

    found, late = (
        run_to_end(
            sensor(f"Files/datasets/{path}", timeout=1, **mode),
            connections=connections,
            logical_date=DAY,
        )
        for path in ("year=%Y/month=%m/day=%d", "%Y-%j")
    )

    assert found.result["path"] == "datasets/year=2026/month=01/day=05"
    assert "Files/datasets/2026-005 is not ready after 1 s: no file in" in str(late.error)


def test_a_run_without_a_date_is_told_what_to_do(mode, connections):
    """It fails at once, and the remedy names what such a run has."""
    outcome = run_to_end(sensor("Files/datasets/%Y", **mode), connections=connections, max_tries=3)

    assert outcome.phases == ["failed"]
    assert type(outcome.error) is AirflowFailException
    assert "{{ partition_key }}, or {{ dag_run.run_after | ds }}" in str(outcome.error)


def test_the_ui_shows_why_a_task_waits(mode, connections, container):
    """An XCom has the last verdict and its time, while it waits and when it has ended."""
    container.upload_blob("datasets/uci/a.csv", b"1")

    late = run_to_end(sensor(timeout=1, min_count=5, **mode), connections=connections)
    done = run_to_end(sensor(**mode), connections=connections)

    assert "UTC: 1 of 5 files, newest" in late.xcoms["onelake_verdict"]
    assert "UTC: ready" in done.xcoms["onelake_verdict"]


def test_access_may_come_later(mode, azurite):
    """With ``wait_for_access`` a container that is made during the wait is found."""
    name = f"late-{uuid.uuid4().hex[:8]}"
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:

        def make() -> None:
            service.create_container(name).upload_blob("datasets/uci/a.csv", b"1")

        later = threading.Timer(1.5, make)
        later.start()
        outcome = run_to_end(
            sensor(wait_for_access=True, **mode), connections=lake_connection(azurite, name)
        )
        later.join()

    assert outcome.state == "success", outcome.error
    assert "Not ready: Storage answered 404 ContainerNotFound" in outcome.text


def test_a_refusal_that_lasts_ends_in_a_timeout_with_its_remedy(mode, connections):
    """Whoever waits for access sees in the timeout's error what is refused and what to do."""
    connections["onelake_default"]["password"] = "a2V5LW9mLW5vYm9keQ=="

    outcome = run_to_end(sensor(wait_for_access=True, timeout=1, **mode), connections=connections)

    assert "is not ready after 1 s: Storage answered 403" in str(outcome.error)
    assert "Remedy: " in str(outcome.error)


def test_rules_on_files_work_in_every_mode(mode, connections, container):
    """A function of a module, a manifest and a least size reach the triggerer as plain JSON."""
    folder = "datasets/uci"
    container.upload_blob(f"{folder}/a.csv", b"12")
    later = threading.Timer(0.8, container.upload_blob, (f"{folder}/b.csv", b"123"))
    later.start()

    named = run_to_end(
        sensor(manifest={"a.csv": 2, "b.csv": None}, **mode), connections=connections
    )
    later.join()
    chosen = run_to_end(
        sensor(predicate=is_final, min_file_bytes=2, min_count=2, **mode), connections=connections
    )

    assert (named.result["count"], named.result["bytes"]) == (2, 5), named.error
    assert chosen.result["count"] == 2


def test_a_table_is_waited_for_by_its_version(connections, container):
    """The result says which version it is and how many files it has."""
    commit = b'{"add": {"path": "p0.parquet", "size": 7}}'
    container.upload_blob(f"datasets/uci/_delta_log/{0:020d}.json", commit)

    outcome = run_task(sensor(delta_version=0), connections=connections)

    told = {name: outcome.result[name] for name in ("count", "bytes", "delta_version", "sample")}
    assert told == {"count": 1, "bytes": 7, "delta_version": 0, "sample": ["p0.parquet"]}


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "Files/datasets/*.csv"},
        {"path": "Files/datasets/%B"},
        {"path": "Files/datasets/x/_SUCCESS"},
        {"predicate": lambda *_: True},
        {"manifest": {}},
        {"delta_version": 1, "glob": "*.parquet"},
        {"delta_version": -1},
        {"min_file_bytes": "much"},
        {"quiet_for": 10_000_000},
        {"glob": "_delta_log/*"},
        {"wait_for_access": "perhaps"},
    ],
)
def test_a_wait_that_cannot_end_is_an_error_of_the_dag_file(arguments):
    """No run is needed to see it."""
    with pytest.raises(UsageError):
        sensor(**arguments)
