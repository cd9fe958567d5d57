"""Router and operator together: a partition that was scored is finished, until it is restated."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset
from support.operators import new_run, score
from support.scoring import HEADER, ROWS, Scoring
from support.task_runner import TaskOutcome, run_task, run_to_end
from support.watching import AssetSupervisor

from airflow_provider_fabml import UriFile, UriFolder
from airflow_provider_fabml.operators.due_partitions import OneLakeDuePartitionsOperator
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

if TYPE_CHECKING:
    from airflow_provider_fabml.local.azurite import Azurite

pytestmark = pytest.mark.azurite
STORE, DAY = "azureml://datastores/trusted_blob/paths", "2026-01-31"


class Tree:
    """Days that land in real storage, who routes them, and who scores them."""

    def __init__(self, scoring: Scoring) -> None:
        self.scoring, self.wakes = scoring, 0
        self.path = f"datasets/{uuid.uuid4().hex[:10]}"
        self.root = f"{STORE}/endpoints/{uuid.uuid4().hex[:10]}"
        self.routing = AssetSupervisor(scoring.connections, {})

    def land(self, name: str) -> None:
        """A file of the day arrives, or is written anew."""
        text = "\n".join([HEADER, *ROWS, ""])
        with self.scoring.container() as container:
            container.upload_blob(f"{self.path}/date={DAY}/{name}", text, overwrite=True)

    def wake(self, **rules: Any) -> TaskOutcome:
        """Let the router look, with these rules of what counts."""
        self.wakes += 1
        arrivals = OneLakeArrivalTrigger(
            path=f"{STORE}/{self.path}", partitions="date=%Y-%m-%d", **rules
        )
        router = OneLakeDuePartitionsOperator(
            task_id="due", arrivals=arrivals, asset=Asset("due"), output_root=self.root
        )
        return run_task(router, supervisor=self.routing, run_id=f"wake-{self.wakes}")

    def due(self, **rules: Any) -> list[str]:
        """The keys that the router emits when it wakes."""
        done = self.wake(**rules)
        if done.state == "skipped":
            return []
        assert done.state == "success", done.text
        return [one["partition"] for one in done.result]

    def is_finished(self, **rules: Any) -> bool:
        """Whether the router takes the day for scored; in flight is not enough."""
        return "0 due, 0 later, 1 finished" in self.wake(**rules).text

    def score(self, file: str = "") -> None:
        """The day's run, of the whole folder or of one file."""
        day = f"{STORE}/{self.path}/date={{{{ partition_key }}}}"
        done = run_to_end(
            score(
                inputs={"heart": UriFile(f"{day}/{file}") if file else UriFolder(day)},
                output_root=self.root,
                storage_conn_id="onelake_default",
            ),
            connections=self.scoring.connections,
            run_id=new_run(),
            partition_key=DAY,
        )
        assert done.state == "success", done.text
        assert f"date={DAY}" in done.result["inputs"]["heart"]["uri"]
        assert f"/{DAY}/" in done.result["outputs"]["score"]["uri"]


@pytest.mark.parametrize(("first", "again"), [("a.csv", "late.csv"), ("data.csv", "data.csv")])
def test_a_partition_is_scored_once_for_each_version_of_its_data(
    scoring: Scoring, lake: Azurite, first: str, again: str
):
    """Due, in flight, finished; due again when a late or restated file lands, and finished again."""
    file = first if first == again else ""  # the day is this one file, and the input names it
    tree = Tree(scoring)
    tree.land(first)
    assert tree.due() == [DAY]
    assert tree.due() == []
    assert not tree.is_finished()
    tree.score(file)
    assert tree.is_finished()
    tree.land(again)
    assert tree.due() == [DAY]
    tree.score(file)
    assert tree.is_finished()
    assert len([j for j in scoring.emulator.control.jobs() if tree.root in str(j["request"])]) == 2


def test_one_file_of_several_finishes_only_who_watches_no_other(scoring: Scoring, lake: Azurite):
    """Whoever watches the whole partition has it scored; whose glob chooses that file is done."""
    tree = Tree(scoring)
    tree.land("data.csv")
    tree.land("other.csv")
    tree.score("data.csv")
    assert tree.is_finished(glob="data.csv")
    assert tree.due(glob="other.csv") == [DAY]
    assert tree.due() == [DAY]
