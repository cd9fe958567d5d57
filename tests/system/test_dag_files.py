"""The DAG files are sound before anything runs."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException
from support.task_runner import Supervisor, supervised

DAGS = Path(__file__).resolve().parents[2] / "dags"
NAMES = sorted(file.stem for file in DAGS.glob("*.py"))
# The demo's DAG is Microsoft's how-to told in full; each of these shows one idea more.
SHORT = [name for name in NAMES if name != "score_heart"]


@pytest.fixture(scope="module")
def bag():
    """All DAGs, parsed as the DAG processor parses them."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(DAGS))


def test_all_files_are_imported(bag):
    """No file has an import error, and each defines the DAG it is named after."""
    assert bag.import_errors == {}
    assert set(NAMES) <= set(bag.dags)


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


@pytest.mark.parametrize("name", SHORT)
def test_an_example_is_read_at_a_glance(name):
    """It has fewer than 40 lines, its docstring included."""
    assert len((DAGS / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 40


def test_every_task_is_tried_again(bag):
    """A worker that is killed costs no run: what a task had done, only its next try goes on with."""
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    assert tasks
    assert [task.task_id for task in tasks if not task.retries] == []


def test_unpausing_starts_no_flood(bag):
    """Past dates run only when somebody asks."""
    assert {dag.dag_id for dag in bag.dags.values() if dag.catchup} == set()


def test_the_daily_sensor_needs_no_worker(bag):
    """It begins in the triggerer, and the score follows it."""
    tasks = bag.dags["score_daily_with_sensor"].task_dict
    assert tasks["landed"].start_from_trigger is True
    assert tasks["landed"].downstream_task_ids == {"score"}


def test_each_task_depends_on_the_one_before(bag):
    """The sensor comes first, then the invocation, then the wait for its job."""
    tasks = bag.dags["score_heart"].task_dict
    assert tasks["landed"].downstream_task_ids == {"score"}
    assert tasks["score"].downstream_task_ids == {"scored"}


@pytest.mark.parametrize(
    ("router", "scoring"),
    [("score_on_arrival", "score_arrived_day"), ("score_on_event_grid", "score_told_day")],
)
def test_partitions_of_the_router_start_the_scoring(bag, router, scoring):
    """The asset that the router emits is what the scoring is scheduled on, key by key."""
    due = bag.dags[router].task_dict["due"]
    scheduled = bag.dags[scoring]
    assert scheduled.timetable.asset_condition in due.outlets
    assert len(due.outlets) == 1
    assert "{{ partition_key }}" in scheduled.task_dict["score"].inputs["heart"].uri


def test_event_grid_wakes_the_watcher_and_polling_is_its_net(bag):
    """Its queue is asked every second, the whole tree twice an hour."""
    arrivals = bag.dags["score_on_event_grid"].task_dict["due"].arrivals
    told = arrivals.serialize()[1]
    assert (told["storage_queue"], told["queue_interval"]) == ("fabml-arrivals", 1.0)
    assert told["poll_interval"] == 1800


def test_no_two_examples_share_an_asset(bag):
    """Each may be unpaused beside the others: what one emits starts none of them."""
    emitted = [asset.name for dag in bag.dags.values() for t in dag.tasks for asset in t.outlets]
    assert sorted(emitted) == sorted(set(emitted))


def test_a_week_waits_for_its_seven_days(bag):
    """The partitions that the days' runs emit are rolled up; the week's key is its Monday."""
    from airflow.serialization.serialized_objects import DagSerialization

    landed = bag.dags["land_heart_day"].task_dict["landed"]
    weekly = bag.dags["score_weekly_rollup"]
    timetable = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(weekly)).timetable
    (asset,) = landed.outlets
    mapper = timetable.get_partition_mapper(name=asset.name, uri=asset.uri)
    week = {f"2026-01-{day:02d}" for day in range(5, 12)}
    assert {mapper.to_downstream(day) for day in week} == {"2026-01-05"}
    assert mapper.to_upstream("2026-01-05") == week


def test_both_deployments_score_the_same(bag):
    """Only the deployment's name is mapped."""
    score = bag.dags["champion_challenger"].task_dict["score"]
    assert set(score.expand_input.value) == {"deployment_name"}
    assert score.downstream_task_ids == {"agree"}


@pytest.mark.azurite
def test_predictions_are_compared_whole_or_not_at_all(bag, scoring, monkeypatch):
    """Lines are alike wherever they stand; a file that is too large for memory is an error."""
    agree = bag.dags["champion_challenger"].task_dict["agree"].python_callable
    outputs, folder = [], f"datasets/{uuid.uuid4().hex}"
    with scoring.container() as container:
        for name, lines in (("old", "a 1\nb 0\n"), ("new", "b 0\na 0\n")):
            container.upload_blob(f"{folder}/{name}.csv", lines)
            uri = f"azureml://datastores/trusted_blob/paths/{folder}/{name}.csv"
            outputs.append({"score": {"uri": uri}})
    with supervised(Supervisor(scoring.connections, {})):
        assert agree(outputs) == {"rows": 2, "alike": 1}
        monkeypatch.setitem(agree.__globals__, "MOST", len(lines))
        with pytest.raises(AirflowFailException, match="too much to compare"):
            agree(outputs)
