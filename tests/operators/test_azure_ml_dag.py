"""The operator inside a DAG: dependencies, mapping, serialization, outlets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.sdk import DAG, Asset, task
from support.operators import ROOT, Score, new_run, score
from support.task_runner import Supervisor, run_task, run_to_end

from airflow_provider_fabml import LiteralInput, UriFolder
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

if TYPE_CHECKING:
    from support.scoring import Scoring


@task
def where() -> dict[str, str]:
    """An upstream task that tells a place."""
    return {"datastore_uri": f"{ROOT}/somewhere"}


def test_an_upstream_value_inside_a_typed_input_is_a_dependency():
    """``UriFolder(task.output[...])`` makes the upstream task run first."""
    with DAG("d", schedule=None):
        place = where()
        operator = score(inputs={"heart": UriFolder(place["datastore_uri"])})
    assert operator.upstream_task_ids == {"where"}


@pytest.mark.azurite
def test_an_upstream_value_inside_a_typed_input_is_used(scoring: Scoring):
    """The value of the upstream's XCom reaches the request."""
    folder = scoring.upload()
    with DAG("a_dag", schedule=None):
        place = where()
        operator = score(inputs={"heart": UriFolder(place["datastore_uri"])})
    supervisor = Supervisor(scoring.connections, {})
    supervisor.upstream[("where", "datastore_uri")] = folder
    done = run_task(operator, run_id=new_run(), supervisor=supervisor)
    assert done.state == "success", done.text
    assert scoring.last_body()["inputData"]["heart"]["uri"] == folder


@pytest.mark.azurite
def test_each_entry_of_the_result_is_an_xcom(scoring: Scoring):
    """``score.output["job_name"]`` works downstream."""
    operator = score(inputs={"heart": UriFolder(scoring.upload())}, wait_for_completion=False)
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run())
    assert done.xcoms["job_name"] == done.result["job_name"]


@pytest.mark.azurite
def test_mapped_tasks_write_to_paths_of_their_own(scoring: Scoring):
    """``.partial().expand(inputs=…)``: each map index has its folder, inputs never swap."""
    folders = [scoring.upload(files=1), scoring.upload(files=1)]
    items = [{"heart": UriFolder(folder)} for folder in folders]
    with DAG("a_dag", schedule=None):
        mapped = Score.partial(
            task_id="score",
            endpoint_name="heart-classifier",
            output_root=ROOT,
            storage_conn_id="onelake_default",
        ).expand(inputs=items)
    run_id = new_run()
    for index, item in enumerate(items):
        one = mapped.unmap({"inputs": item})
        done = run_task(one, connections=scoring.connections, run_id=run_id, map_index=index)
        assert done.state == "success", done.text
        assert done.result["inputs"]["heart"]["uri"] == folders[index]
        assert f"/{run_id}/score/~map{index}/1-" in done.result["outputs"]["score"]["uri"]


def test_a_dag_with_the_operator_survives_serialization():
    """Airflow stores DAGs as JSON: plain, mapped and with typed values."""
    from airflow.serialization.serialized_objects import DagSerialization

    with DAG("d", schedule=None) as dag:
        score(inputs={"heart": UriFolder(f"{ROOT}/a")}, outlets=[Asset("scored")])
        Score.partial(task_id="many", endpoint_name="heart-classifier", output_root=ROOT).expand(
            inputs=[{"a": UriFolder(f"{ROOT}/a")}, {"a": {"JobInputType": "Literal", "Value": 1}}]
        )
    again = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert set(again.task_ids) == {"score", "many"}


@pytest.mark.azurite
def test_outlets_carry_the_facts_of_the_job(scoring: Scoring):
    """The asset event tells job, outputs and what was checked."""
    operator = score(inputs={"heart": UriFolder(scoring.upload())}, outlets=[Asset("scored")])
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run())
    assert done.state == "success", done.text
    (event,) = done.message.outlet_events
    facts = event["extra"]["azure_ml_job"]
    assert facts["job_name"] == done.result["job_name"]
    assert facts["checked_outputs"]["score"]["rows"] == 9


@pytest.mark.azurite
def test_a_partition_has_a_folder_of_its_own(scoring: Scoring):
    """In a partitioned run the key stands in the path, and templates see it."""
    operator = score(
        inputs={"heart": UriFolder(scoring.upload())},
        job_settings={"Tags": {"day": "{{ partition_key }}"}},
    )
    run_id = new_run()
    done = run_to_end(
        operator, connections=scoring.connections, run_id=run_id, partition_key="2026-01-05"
    )
    assert done.state == "success", done.text
    uri = done.result["outputs"]["score"]["uri"]
    assert uri.startswith(f"{ROOT}/a_dag/2026-01-05/{run_id}/score/1-")
    assert scoring.last_body()["tags"]["day"] == "2026-01-05"


def below(folder: str, partitions: str) -> UriFolder:
    """The folder of the run's partition, as a DAG file writes it."""
    trigger = OneLakeArrivalTrigger(path="Files/datasets", partitions=partitions)
    return UriFolder(f"{folder}/{trigger.partition_folder}")


@pytest.mark.azurite
@pytest.mark.parametrize(
    ("partitions", "key", "folder"),
    [
        ("date=%Y-%m-%d", "2026-01-05", "date=2026-01-05"),
        ("year=%Y/month=%m/day=%d", "2026-01-05", "year=2026/month=01/day=05"),
        ("{region}/%Y-%m-%d/{region}", "eu-west|2026-01-05", "eu-west/2026-01-05/eu-west"),
    ],
)
def test_a_partition_is_read_where_its_key_says(
    scoring: Scoring, partitions: str, key: str, folder: str
):
    """The arrival trigger's `partition_folder` leads each key back to the folder it came from."""
    place = scoring.upload(below=f"/{folder}")
    done = run_to_end(
        score(inputs={"heart": below(place, partitions)}),
        connections=scoring.connections,
        run_id=new_run(),
        partition_key=key,
    )
    assert done.state == "success", done.text
    assert scoring.last_body()["inputData"]["heart"]["uri"] == f"{place}/{folder}"


def test_a_missing_key_rendered_into_a_path_is_refused(scoring: Scoring):
    """``date={{ partition_key }}`` renders to ``date=None`` in a run without a partition."""
    operator = score(inputs={"heart": below(ROOT, "date=%Y-%m-%d")})
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run(), max_tries=2)
    assert done.state == "failed"
    assert "None" in str(done.error)


@pytest.mark.parametrize(
    ("partitions", "told"),
    [
        ("year=%Y/month=%m/day=%d", "'NoneType' object is not subscriptable"),
        ("region={region}/date=%Y-%m-%d", "'None' has no attribute 'split'"),
        ("day-{day}", "'NoneType' object is not subscriptable"),
    ],
)
def test_a_missing_key_that_is_cut_is_an_error(scoring: Scoring, partitions: str, told: str):
    """In a run without a partition the task fails, whatever its folders look like; nothing starts."""
    before = len(scoring.posts())
    operator = score(inputs={"heart": below(ROOT, partitions)})
    done = run_to_end(operator, connections=scoring.connections, run_id=new_run(), max_tries=0)
    assert done.state == "failed"
    assert told in str(done.error)
    assert len(scoring.posts()) == before


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"on_clear": "forget"}, "choice-unknown"),
        ({"on_timeout": None}, "choice-unknown"),
        ({"deployment_kind": "online"}, "deployment-kind-unknown"),
        ({"poll_interval": 0}, "poll-interval"),
    ],
)
def test_choices_are_checked_when_the_dag_is_read(changes: dict, rule: str):
    """What needs no rendering is refused at parse time."""
    with pytest.raises(UsageError) as refused:
        score(inputs={"x": LiteralInput(1)}, **changes)
    assert refused.value.rule == rule


def test_an_output_that_never_varies_is_warned_about(caplog, capsys):
    """A fixed output URI works once: said when the DAG is read."""
    from support.task_runner import captured_log

    with captured_log() as log:
        score(outputs={"score": {"JobOutputType": "UriFile", "Uri": f"{ROOT}/p.csv"}})
        score(outputs={"score": {"JobOutputType": "UriFile", "Uri": ROOT + "/{{ run_id }}/p.csv"}})
    warned = [line for line in log if "is the same in every run" in line]
    assert len(warned) == 1


@pytest.mark.azurite
def test_mapped_tasks_with_one_explicit_output_are_warned(scoring: Scoring):
    """A URI that does not tell the index may be a rival's too; ``{map_index}`` in it helps."""
    said = []
    for tail in ("predictions.csv", "{map_index}/predictions.csv"):
        run_id = new_run()
        operator = score(
            inputs={"heart": UriFolder(scoring.upload(files=1))},
            outputs={"score": {"JobOutputType": "UriFile", "Uri": f"{ROOT}/{run_id}/{tail}"}},
            output_root=None,
        )
        done = run_task(operator, connections=scoring.connections, run_id=run_id, map_index=7777)
        assert done.state == "success", done.text
        said.append("may overwrite each other" in done.text)
    assert said == [True, False]
    assert done.result["outputs"]["score"]["uri"].endswith("/7777/predictions.csv")


@pytest.mark.azurite
def test_an_output_in_another_account_is_not_looked_at(scoring: Scoring):
    """A storage connection with a key sees its own account only; the job runs all the same."""
    operator = score(
        inputs={"heart": UriFolder(scoring.upload())},
        outputs={"score": {"JobOutputType": "UriFile"}},
        output_root="azureml://datastores/workspaceblobstore/paths/elsewhere",
        storage_conn_id="other_account",
    )
    connections = scoring.connections
    connections["other_account"] = {
        **connections["onelake_default"],
        "host": scoring.azurite.blob_url.replace("trustedlake", "otherlake"),
        "login": "otherlake",
    }
    done = run_task(operator, connections=connections, run_id=new_run())
    assert "is not looked at: it is in another account" in done.text
    assert done.state == "success", done.text
