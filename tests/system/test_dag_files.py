"""The DAG files are sound before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"
NAMES = sorted(file.stem for file in DAGS.glob("*.py"))


@pytest.fixture(scope="module")
def bag():
    """All DAGs, parsed as the DAG processor parses them."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(DAGS))


def test_all_files_are_imported(bag):
    """No file has an import error, and each defines the DAG it is named after."""
    assert bag.import_errors == {}
    assert set(NAMES) <= set(bag.dags)
    assert {"score_heart", "score_daily_with_sensor"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_dags_survive_serialization(bag, name):
    """What the scheduler reads back has the same tasks in the same order."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = bag.dags[name]
    read = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert set(read.task_dict) == set(dag.task_dict)
    for task_id, task in dag.task_dict.items():
        assert read.task_dict[task_id].downstream_task_ids == task.downstream_task_ids


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_is_shown_in_the_ui(bag, name):
    """Each DAG's page shows the picture of what it does."""
    assert "->" in bag.dags[name].doc_md
    assert "::" in bag.dags[name].doc_md


def test_unpausing_the_daily_dag_starts_no_flood(bag):
    """Past dates run only when somebody asks."""
    assert bag.dags["score_daily_with_sensor"].catchup is False


def test_each_task_depends_on_the_one_before(bag):
    """The sensor comes first, then the invocation, then the wait for its job."""
    tasks = bag.dags["score_heart"].task_dict
    assert tasks["landed"].downstream_task_ids == {"score"}
    assert tasks["score"].downstream_task_ids == {"scored"}


def test_partitions_of_the_router_start_the_scoring(bag):
    """The asset that the router emits is what the scoring is scheduled on, key by key."""
    due = bag.dags["score_on_arrival"].task_dict["due"]
    scoring = bag.dags["score_arrived_day"]
    assert [asset.name for asset in due.outlets] == ["uci_heart_due"]
    assert scoring.timetable.asset_condition == due.outlets[0]
    assert "{{ partition_key }}" in scoring.task_dict["score"].inputs["heart"].uri
