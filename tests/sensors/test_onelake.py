"""The shortcut sensor in all three modes against a real storage server, through Airflow's runner."""

from __future__ import annotations

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout
from faults.proxy import Proxy
from support.onelake_sensor import MODES, QuickSensor, sensor
from support.task_runner import Supervisor, resume, run_task, run_to_end

from airflow_provider_fabml.clients.storage import StorageClient
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor

pytestmark = pytest.mark.azurite
NOBODY = 9  # discard(9): no service listens there


@pytest.fixture(params=MODES)
def mode(request) -> dict:
    """Each way to wait."""
    return MODES[request.param]


def test_what_is_there_is_returned_alike(mode, connections, container, azurite):
    """Data that has landed ends the task in its first phase, with the same value in every mode."""
    container.upload_blob("datasets/uci/b.csv", b"1234")
    container.upload_blob("datasets/uci/a.csv", b"12")

    outcome = run_to_end(sensor(**mode), connections=connections)

    assert outcome.phases == ["success"]
    newest = datetime.fromisoformat(outcome.result["newest"])
    assert newest.tzinfo is not None
    assert outcome.result | {"newest": None, "digest": None} == {
        "uri": f"{azurite.blob_url}/{container.container_name}/datasets/uci",
        "datastore_uri": "azureml://datastores/trusted_blob/paths/datasets/uci",
        "account": azurite.account,
        "container": container.container_name,
        "path": "datasets/uci",
        "count": 2,
        "bytes": 6,
        "newest": None,
        "digest": None,
        "sample": ["a.csv", "b.csv"],
        "delta_version": None,
    }
    assert json.loads(json.dumps(outcome.result)) == outcome.result


def test_every_mode_waits_for_what_lands_later(connections, container):
    """Data that lands during the wait is found in every mode, with one and the same result."""
    results, logs = [], []
    for name, mode in MODES.items():
        folder = f"datasets/{name}/day"
        container.upload_blob(f"{folder}/a.csv", b"1")
        later = threading.Timer(1.0, container.upload_blob, (f"{folder}/b.csv", b"2"))
        later.start()
        outcome = run_to_end(
            sensor(f"Files/{folder}", min_count=2, **mode), connections=connections
        )
        later.join()
        assert outcome.state == "success", (name, outcome.error, outcome.text)
        assert (len(outcome.phases) > 1) == (name != "poke")
        results.append({k: outcome.result[k] for k in ("count", "bytes", "sample")})
        logs.append("Not ready: 1 of 2 files, newest" in outcome.text)

    assert (
        results[0]
        == results[1]
        == results[2]
        == {
            "count": 2,
            "bytes": 2,
            "sample": ["a.csv", "b.csv"],
        }
    )
    assert all(logs)


def test_a_timeout_says_why_in_every_mode(mode, connections, container):
    """The timeout's error is the framework's, and its text names path, time and reason."""
    container.upload_blob("datasets/uci/a.csv", b"")

    outcome = run_to_end(sensor(timeout=1, **mode), connections=connections, max_tries=2)

    assert outcome.state == "failed"
    assert type(outcome.error) is AirflowSensorTimeout
    assert str(outcome.error) == (
        "Files/datasets/uci is not ready after 1 s: no file in datasets/uci yet; 0-byte file in "
        "progress: a.csv (if empty files are meant to be there: allow_empty_files=True)"
    )


@pytest.mark.filterwarnings("ignore:quiet_for")
@pytest.mark.parametrize(
    ("names", "rules", "reason"),
    [
        (
            ["_temporary/0/part-1"],
            {"quiet_for": 60},
            r"1 file, newest \d+ s ago; _temporary/0/part-1 was written \d+ s ago, "
            r"60 s without a write are wanted",
        ),
        (
            ["part-1"],
            {"marker": "_SUCCESS"},
            r"2 files, newest \d s ago; part-1 was written \d s after the marker _SUCCESS, which "
            r"vouches for nothing newer \(if the marker may be older than the files: "
            r"marker_last=False\)",
        ),
    ],
)
def test_a_timeout_names_who_still_writes(mode, names, rules, reason, connections, container):
    """In every mode the user reads which write came after the marker, or into the quiet period."""
    for name in ("part-0", "_SUCCESS"):
        container.upload_blob(f"datasets/uci/{name}", b"1")
    time.sleep(1.1)
    for name in names:
        container.upload_blob(f"datasets/uci/{name}", b"2")

    outcome = run_to_end(sensor(timeout=0.5, **rules, **mode), connections=connections)

    assert type(outcome.error) is AirflowSensorTimeout, outcome.text
    assert re.fullmatch(
        f"Files/datasets/uci is not ready after 0.5 s: {reason}", str(outcome.error)
    )
    allowed = sensor(marker="_SUCCESS", marker_last=False, **mode)
    assert run_to_end(allowed, connections=connections).state == "success"


@pytest.mark.parametrize("choice", ["soft_fail", "never_fail"])
def test_soft_fail_means_the_same_in_every_mode(mode, choice, connections):
    """A timeout and a permanent error both skip, and the log says why."""
    late = run_to_end(sensor(timeout=1, **mode, **{choice: True}), connections=connections)
    elsewhere = connection_to_nowhere(connections)
    refused = run_to_end(sensor(**mode, **{choice: True}), connections=elsewhere)

    assert (late.state, refused.state) == ("skipped", "skipped")
    assert "no file in datasets/uci yet" in late.text
    assert "ContainerNotFound" in refused.text


def connection_to_nowhere(connections: dict) -> dict:
    """The same connection, mapped to a container that does not exist."""
    changed = json.loads(json.dumps(connections))
    changed["onelake_default"]["extra"]["mapping"][0]["container"] = "no-such-container"
    return changed


def test_a_permanent_error_fails_at_once_in_every_mode(mode, connections):
    """A missing container ends the task at the first look, whatever retries are left."""
    outcome = run_to_end(
        sensor(**mode), connections=connection_to_nowhere(connections), max_tries=3
    )

    assert outcome.phases == ["failed"]
    assert type(outcome.error) is AirflowFailException
    assert "ContainerNotFound" in str(outcome.error)
    assert "Create the container" in str(outcome.error)


def test_a_container_deleted_during_the_wait_fails_the_deferred_task(connections, container):
    """What turns permanent while deferred ends with the same error as in a worker."""
    waiting = sensor(deferrable=True, timeout=15)
    supervisor = Supervisor(connections, {})
    deferred = run_task(waiting, supervisor=supervisor)
    container.delete_container()

    outcome = resume(waiting, deferred, supervisor)

    assert (deferred.state, outcome.state) == ("deferred", "failed")
    assert type(outcome.error) is AirflowFailException
    assert "Container" in str(outcome.error)


def test_a_short_timeout_is_waited_out_in_the_worker(connections):
    """A deferral that would be too short for Airflow is not made."""
    quick = OneLakeShortcutSensor(
        task_id="wait", path="Files/datasets/x", deferrable=True, timeout=1, poke_interval=0.3
    )
    assert quick.first_wait >= 10

    outcome = run_to_end(quick, connections=connections)

    assert outcome.phases == ["failed"]
    assert type(outcome.error) is AirflowSensorTimeout


class Hasty(QuickSensor):
    """Its looks in a worker fail at once: requests are not repeated within one."""

    def connect(self) -> StorageClient:
        """A client without retries of its own."""
        return OneLakeStorageHook(self.onelake_conn_id).get_client(retry_total=0)


def test_an_outage_is_waited_out_in_every_mode(mode, azurite, connections, container):
    """Storage that cannot be reached for a while delays the task and does not fail it."""
    container.upload_blob("datasets/uci/a.csv", b"1")
    served = urlsplit(azurite.blob_url)
    with Proxy(NOBODY) as way, ThreadPoolExecutor() as operations:
        connections["onelake_default"]["host"] = f"http://127.0.0.1:{way.port}{served.path}"
        # Longer than a look of the triggerer, which repeats its request after up to 4 s.
        operations.submit(lambda: time.sleep(6) or setattr(way, "target", served.port))
        outcome = run_to_end(sensor(kind=Hasty, timeout=58, **mode), connections=connections)

    assert outcome.state == "success", outcome.error
    assert "could not be reached" in outcome.text


def test_templates_and_numbers_as_text(connections, container):
    """Path, pattern, marker and numbers may be templates; rendered numbers become numbers again."""
    container.upload_blob("datasets/date=2026-01-05/a.csv", b"12")
    container.upload_blob("datasets/date=2026-01-05/_SUCCESS", b"")
    waiting = sensor(
        "Files/datasets/date={{ ds }}",
        glob="*.{{ params.kind }}",
        marker="{{ params.marker }}",
        min_count="{{ 1 }}",
        min_bytes="{{ 1 + 1 }}",
        quiet_for="{{ 0 }}",
        params={"kind": "csv", "marker": "_SUCCESS"},
    )

    outcome = run_task(
        waiting, connections=connections, logical_date=datetime(2026, 1, 5, tzinfo=UTC)
    )

    assert outcome.state == "success", outcome.error
    assert outcome.result["path"] == "datasets/date=2026-01-05"


def test_a_path_from_another_task_makes_a_dependency():
    """A path may be the output of an upstream task."""
    with DAG("d", schedule=None):

        @task
        def where() -> str:
            return "Files/datasets/x"

        waiting = QuickSensor(task_id="wait", path=where())

    assert waiting.upstream_task_ids == {"where"}


def test_shape_errors_need_no_run(connections):
    """A malformed path or rule is an error of the DAG file; behind a template, of the first look."""
    with pytest.raises(UsageError, match="/paths/"):
        sensor("azureml://datastores/trusted_blob/datasets/uci")
    with pytest.raises(UsageError, match="min_count"):
        sensor(min_count=-1)

    outcome = run_task(
        sensor("azureml://datastores/trusted_blob/datasets/{{ run_id }}"), connections=connections
    )
    assert type(outcome.error) is AirflowFailException
    assert "azureml://datastores/trusted_blob/paths/datasets/manual__1" in str(outcome.error)


@pytest.mark.parametrize("deferrable", [True, False])
def test_no_secret_is_shown(deferrable, connections, azurite):
    """Key and SAS stand in no log line, XCom, message to the supervisor or trigger argument."""
    outcome = run_to_end(sensor(deferrable=deferrable, timeout=1), connections=connections)

    told = [repr(message) for message in outcome.sent if type(message).__name__ != "MaskSecret"]
    everything = "\n".join([outcome.text, repr(outcome.xcoms), *told, repr(outcome.error)])
    assert azurite.key not in everything


def test_waiting_costs_one_request_a_look(connections, caplog):
    """While nothing is there, each look of the trigger is one listing."""
    started = time.monotonic()
    with caplog.at_level("INFO", "azure.core.pipeline.policies.http_logging_policy"):
        run_to_end(sensor(deferrable=True, timeout=5, poke_interval=0.5), connections=connections)
    took = time.monotonic() - started
    requests = [line for line in caplog.messages if "Request URL" in line]

    assert 3 <= len(requests) <= took / 0.45 + 2


def test_requests_are_not_written_into_the_task_log(connections, caplog):
    """The SDK logs twelve lines a request at INFO; a task that waits for hours stays readable."""
    with caplog.at_level("INFO"):
        run_to_end(sensor(timeout=1), connections=connections)

    assert not [line for line in caplog.messages if "Request URL" in line]
