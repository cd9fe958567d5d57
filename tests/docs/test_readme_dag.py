"""The README's DAG is one that Airflow takes."""

from __future__ import annotations

import pytest
from support.markdown import code_blocks, read

(CODE,) = code_blocks(read("README.md"), "python")


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """The DAG, parsed from a file as the DAG processor does."""
    from airflow.dag_processing.dagbag import DagBag

    folder = tmp_path_factory.mktemp("dags")
    (folder / "readme.py").write_text(CODE, encoding="utf-8")
    bag = DagBag(str(folder))
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    return dag


@pytest.fixture(scope="module")
def dag(parsed):
    """The same, read back as the scheduler does."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.deserialize_dag(DagSerialization.serialize_dag(parsed))


def test_it_is_short():
    """It has at most 25 lines, blank ones apart."""
    assert len([line for line in CODE.splitlines() if line.strip()]) <= 25


def test_the_score_waits_for_the_data(dag):
    """What the sensor returns makes it the operator's upstream task, without an arrow."""
    assert dag.task_dict["landed"].downstream_task_ids == {"score"}
    assert dag.task_dict["score"].upstream_task_ids == {"landed"}


def test_nothing_in_it_holds_a_worker(parsed):
    """Every task waits in the triggerer, as the benefits promise."""
    assert {task.task_id for task in parsed.tasks if task.deferrable} == {"landed", "score"}


def test_the_scheduler_can_schedule_it(dag):
    """A first run exists, although no start date is written."""
    assert dag.next_dagrun_info(last_automated_run_info=None) is not None


def test_it_is_not_one_of_the_example_dags(dag):
    """Copied into the folder of the examples, it replaces none of them."""
    from support.markdown import ROOT

    assert dag.dag_id not in {file.stem for file in (ROOT / "dags").glob("*.py")}
