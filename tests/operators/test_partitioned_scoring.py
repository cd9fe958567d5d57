"""Router and operator together: a partition that was scored is finished, until it is restated."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import Asset
from support.operators import new_run, score
from support.scoring import HEADER, ROWS, Scoring
from support.task_runner import run_task, run_to_end
from support.watching import AssetSupervisor

from airflow_provider_fabml import UriFolder
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
        """A file of the day arrives."""
        text = "\n".join([HEADER, *ROWS, ""])
        with self.scoring.container() as container:
            container.upload_blob(f"{self.path}/date={DAY}/{name}", text)

    def due(self) -> list[str]:
        """The keys that the router emits when it wakes."""
        self.wakes += 1
        arrivals = OneLakeArrivalTrigger(path=f"{STORE}/{self.path}", partitions="date=%Y-%m-%d")
        router = OneLakeDuePartitionsOperator(
            task_id="due", arrivals=arrivals, asset=Asset("due"), output_root=self.root
        )
        done = run_task(router, supervisor=self.routing, run_id=f"wake-{self.wakes}")
        if done.state == "skipped":
            return []
        assert done.state == "success", done.text
        return [one["partition"] for one in done.result]

    def score(self) -> None:
        """The day's run."""
        done = run_to_end(
            score(
                inputs={"heart": UriFolder(f"{STORE}/{self.path}/date={{{{ partition_key }}}}")},
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


def test_a_partition_is_scored_once_for_each_version_of_its_data(scoring: Scoring, lake: Azurite):
    """Due, in flight, finished; due again when a late file has landed, and finished again."""
    tree = Tree(scoring)
    tree.land("a.csv")
    assert tree.due() == [DAY]
    assert tree.due() == []
    tree.score()
    assert tree.due() == []
    tree.land("late.csv")
    assert tree.due() == [DAY]
    tree.score()
    assert tree.due() == []
    assert len([j for j in scoring.emulator.control.jobs() if tree.root in str(j["request"])]) == 2
