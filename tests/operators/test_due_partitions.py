"""The router as a task: what it emits, through Airflow's own runner and a real storage server."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, task
from azure.storage.blob import BlobServiceClient
from support.task_runner import TaskOutcome, run_task
from support.watching import AssetSupervisor, connection

from airflow_provider_fabml.clients.storage_common import to_blob
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.readiness import Rules, fold, start
from airflow_provider_fabml.operators.due_partitions import (
    OneLakeDuePartitionsOperator,
    due_partitions,
)
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

pytestmark = pytest.mark.azurite
DUE = Asset("due", uri="x://due")


class Router:
    """A tree with its outputs, and the tasks that route it; the asset's state lasts."""

    def __init__(self, azurite, container) -> None:
        self.container, self.wakes = container, 0
        self.supervisor = AssetSupervisor(connection(azurite), {})
        self.arrivals = OneLakeArrivalTrigger(
            path=f"{container.url}/daily", partitions="date=%Y-%m-%d", marker="_SUCCESS"
        )
        self.root = f"{container.url}/endpoints"

    def land(self, day: int, name: str = "a.csv", data: bytes = b"1\n") -> None:
        """Write a file of a day of January."""
        self.container.upload_blob(f"daily/date=2026-01-{day:02d}/{name}", data, overwrite=True)

    def operator(self, **changes: Any) -> OneLakeDuePartitionsOperator:
        """The router of this tree."""
        keywords = {"arrivals": self.arrivals, "asset": DUE, "output_root": self.root}
        return OneLakeDuePartitionsOperator(task_id="due", **{**keywords, **changes})

    def wake(self, operator: Any = None, **phase: Any) -> TaskOutcome:
        """Run it once, in a new run unless told otherwise."""
        self.wakes += 1
        operator = operator or self.operator()
        phase = {"run_id": f"run-{self.wakes}", **phase}
        return run_task(operator, supervisor=self.supervisor, **phase)

    def scored(self, outcome: TaskOutcome, *, status: str = "completed") -> None:
        """Leave a manifest for each partition of a wake-up, as a scoring does."""
        for found in outcome.result:
            key = found["partition"]
            self.container.upload_blob(
                f"endpoints/dag/{key}/run/score/1-{self.wakes}/_manifest.json",
                json.dumps(
                    {
                        "partition": key,
                        "status": status,
                        "run": {"assets": ["due"]},
                        "inputs": {"heart": {"digest": found["digest"]}},
                    }
                ),
            )


@pytest.fixture
def router(azurite, azurite_container):
    """A router over three days, two of them complete."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        made = Router(azurite, service.get_container_client(azurite_container))
        for day in (1, 2, 3):
            made.land(day)
        for day in (1, 2):
            made.land(day, "_SUCCESS", b"")
        yield made


def emitted(outcome: TaskOutcome) -> dict[str, str]:
    """The digests of the partitions that Airflow registers for this task's success."""
    events = outcome.message.outlet_events
    assert {event["dest_asset_key"]["name"] for event in events} == {"due"}
    keys = {event["partition_key"] for event in events}
    assert all(event["extra"]["digests"].keys() == keys for event in events)
    return events[0]["extra"]["digests"]


def test_complete_partitions_are_emitted_once_until_they_are_restated(router):
    """Nothing is emitted in flight or after it was scored; new data is, and only that."""
    first = router.wake()
    assert first.state == "success", (first.error, first.text)
    assert sorted(emitted(first)) == ["2026-01-01", "2026-01-02"]
    assert {one["partition"]: one["digest"][:16] for one in first.result} == emitted(first)
    assert first.result[0]["location"]["path"] == "daily/date=2026-01-01"

    during = router.wake()
    assert during.state == "skipped"
    assert "1 of 3 partitions are not complete: 2026-01-03: the marker" in during.text
    assert "0 due, 0 later, 0 finished, 2 in flight, 0 failed" in during.text

    router.scored(first)
    assert "2 finished, 0 in flight" in router.wake().text
    router.land(2, "b.csv")
    router.land(2, "_SUCCESS", b"")
    again = router.wake()
    assert sorted(emitted(again)) == ["2026-01-02"]
    assert emitted(again) != emitted(first)


def test_a_router_that_dies_emits_in_its_next_try(router):
    """The ledger was written and the events were not: a retry makes them, others leave it alone."""
    first = router.wake(run_id="dies", try_number=1)
    assert router.wake().state == "skipped"
    again = router.wake(run_id="dies", try_number=2)
    assert emitted(again) == emitted(first)
    (state,) = router.supervisor.states.values()
    assert [row[3] for row in state["partitions"].values()] == [1, 1]


def test_a_lost_run_is_emitted_again_and_not_for_ever(router):
    """After its lease a partition without manifest is due again, three times in all."""
    states = []
    for _ in range(4):
        states.append(router.wake().state)
        assert router.wake().state == "skipped"
        router.supervisor.let_pass(timedelta(hours=7))
    assert states == ["success", "success", "success", "skipped"]
    assert "2 failed" in router.wake().text


def test_failed_data_is_emitted_when_a_person_asks_for_it(router):
    """A failure is final for its data; a request names it, and what is not complete is said."""
    router.scored(router.wake(), status="failed")
    failed = router.wake()
    assert failed.state == "skipped"
    assert "Failed, due again with new data or by rescore: 2026-01-01, 2026-01-02" in failed.text

    asked = router.wake(router.operator(rescore="{{ 'x'[:0] }}2026-01-02, 2026-01-03"))
    assert sorted(emitted(asked)) == ["2026-01-02"]
    assert (
        "2026-01-03 is asked for and not emitted: the marker daily/date=2026-01-03/_SUCCESS"
        in asked.text
    )


def test_the_same_within_a_task(router):
    """As a function in a TaskFlow task it emits, returns and skips alike."""
    with DAG("routing", schedule=None):

        @task(outlets=[DUE])
        def route():
            return due_partitions(router.arrivals, asset=DUE, output_root=router.root)

        operator = route().operator
    first = router.wake(operator)
    assert first.state == "success", (first.error, first.text)
    assert sorted(emitted(first)) == ["2026-01-01", "2026-01-02"]
    assert len(first.result) == 2
    assert router.wake(operator).state == "skipped"
    assert router.wake().state == "skipped", "operator and function share the ledger"


def test_a_scoring_that_saw_more_files_than_the_watch_finishes_it(router):
    """The scoring digests the whole folder, the watch what its glob chooses: both are one data."""
    router.arrivals = OneLakeArrivalTrigger(
        path=f"{router.container.url}/daily", partitions="date=%Y-%m-%d", glob="*.csv"
    )
    router.land(1, "readme.txt")
    first = router.wake()
    for found in first.result:
        blobs = router.container.list_blobs(found["location"]["path"], include=["metadata"])
        seen = fold(start(found["location"]["path"], Rules()), map(to_blob, blobs))
        found["digest"] = f"{seen.digest:064x}"
    router.scored(first)
    assert first.result[0]["digest"] != emitted(first)["2026-01-01"]
    assert "0 due, 0 later, 3 finished" in router.wake().text


def test_a_manifest_that_cannot_be_read_finishes_nothing(router):
    """Half a manifest is named in the log, and its partition stays in flight."""
    router.wake()
    router.container.upload_blob("endpoints/dag/2026-01-01/run/_manifest.json", b'{"partition"')
    seen = router.wake()
    assert "2 in flight" in seen.text
    assert "_manifest.json is no manifest of a partition" in seen.text


def test_refusals_fail_at_once(router):
    """A container that is missing, or a key that is none, is no matter of retries."""
    missing = router.wake(router.operator(output_root=f"{router.container.url}-x/endpoints"))
    assert missing.state == "failed"
    assert "Remedy: " in str(missing.error)
    assert router.supervisor.states == {}
    bad = router.wake(router.operator(rescore=["{{ '2026-13-01' }}"]))
    assert bad.state == "failed"
    assert "2026-13-01" in str(bad.error)


def test_outputs_among_the_partitions_are_refused_before_anything_is_emitted(router):
    """However the two places are spelled: predictions would be scored, and theirs, without end."""
    router.arrivals = OneLakeArrivalTrigger(
        path=f"{router.container.url}/daily", partitions="{key}"
    )
    looped = router.wake(router.operator(output_root=f"{router.container.url}/daily/scored"))
    assert looped.state == "failed"
    assert "it would be scored in its turn, without end" in str(looped.error)
    assert router.supervisor.states == {}


@pytest.mark.parametrize("changes", [{"lease": timedelta(0)}, {"tries": 0}, {"limit": True}])
def test_bad_options_are_refused_when_the_dag_file_is_read(router, changes):
    """The constructor refuses what would emit for ever, or never."""
    with pytest.raises(UsageError):
        router.operator(**changes)
