"""How soon a run is queued: after an asset event, after a look, after a message. And 51 idle watchers.

The scoring DAGs' task does nothing: what is timed ends where their runs are queued.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow.sdk import PartitionedAssetTimetable as Partitioned
from arrivals.trees import PARTITIONS
from arrivals.ways import FLOOR, IDLE, IDLE_EVERY, WAYS

from airflow_provider_fabml.operators.due_partitions import OneLakeDuePartitionsOperator
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger


def scoring(way, asset):
    """A scoring DAG that does nothing."""
    with DAG(f"score_{way}", schedule=Partitioned(assets=asset)) as dag:
        EmptyOperator(task_id="score")
    return dag


def watched(name, path, **options):
    """An asset and the trigger that watches for it."""
    trigger = OneLakeArrivalTrigger(path=f"Files/datasets/{path}", partitions=PARTITIONS, **options)
    return Asset(name, watchers=[AssetWatcher(name="onelake", trigger=trigger)]), trigger


def routing(way, options):
    """Router and scoring DAG of a way."""
    landed, arrivals = watched(f"landed_{way}", way, **options)
    due = Asset(f"due_{way}")
    with DAG(f"route_{way}", schedule=landed, max_active_runs=1) as dag:
        OneLakeDuePartitionsOperator(
            task_id="due",
            arrivals=arrivals,
            asset=due,
            output_root="azureml://datastores/trusted_blob/paths/endpoints",
        )
    return dag, scoring(way, due)


floor = scoring(FLOOR, Asset(FLOOR))
routed = {dag.dag_id: dag for way in WAYS for dag in routing(way, WAYS[way])}
globals().update(routed)

for tree, count in IDLE.items():
    assets = [
        watched(f"{tree}_{number}", tree, glob=f"{number}-*.csv", poll_interval=IDLE_EVERY)[0]
        for number in range(count)
    ]
    with DAG(f"watch_{tree}", schedule=assets) as idle:
        EmptyOperator(task_id="nothing")
    globals()[idle.dag_id] = idle
