"""``score_on_arrival`` for both trees of the harness: watcher, router, partitioned scoring."""

import os
from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, DeltaTriggerTimetable
from airflow.sdk import PartitionedAssetTimetable as Partitioned
from arrivals.trees import PARTITIONS, RULES, queue_of

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.operators.due_partitions import OneLakeDuePartitionsOperator
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

STORE = "azureml://datastores/trusted_blob/paths"
# Processes are killed, again and again: every task is tried until it has done its work.
AGAIN = {"retries": 30, "retry_delay": timedelta(seconds=1)}
# Runs wait for longer than their lease: no partition has failed for that.
LEASE = timedelta(seconds=float(os.environ["ARRIVALS_LEASE"]))
TRIES = 1000
ACTIVE = int(os.environ["ARRIVALS_ACTIVE"])
QUEUED = os.environ["ARRIVALS_WATCH"] == "queue"
# Wakes the router during every job, whatever arrives.
OFTEN = DeltaTriggerTimetable(timedelta(seconds=float(os.environ["ARRIVALS_WAKE"])))


class Score(AzureMLInvokeBatchEndpointOperator):
    """The operator with a trigger that looks soon: here Airflow's heartbeat is a second."""

    first_wait = 4.0


for tree, rules in RULES.items():
    arrivals = OneLakeArrivalTrigger(
        path=f"Files/datasets/{tree}",
        partitions=PARTITIONS,
        storage_queue=queue_of(tree) if QUEUED else None,
        poll_interval=30.0 if QUEUED else 5.0,
        **rules,
    )
    landed = Asset(f"landed_{tree}", watchers=[AssetWatcher(name="onelake", trigger=arrivals)])
    due = Asset(f"due_{tree}")
    root = f"{STORE}/endpoints/{tree}"
    wake = AssetOrTimeSchedule(timetable=OFTEN, assets=landed)
    with DAG(f"route_{tree}", schedule=wake, max_active_runs=1, default_args=AGAIN) as router:
        OneLakeDuePartitionsOperator(
            task_id="due", arrivals=arrivals, asset=due, output_root=root, lease=LEASE, tries=TRIES
        )
    with DAG(
        f"score_{tree}",
        schedule=Partitioned(assets=due),
        max_active_runs=ACTIVE,
        default_args=AGAIN,
    ) as scoring:
        Score(
            task_id="score",
            endpoint_name="heart-deferrable",
            storage_conn_id="onelake_default",
            inputs={"heart": UriFolder(f"{STORE}/datasets/{tree}/date={{{{ partition_key }}}}")},
            output_root=root,
            deferrable=True,
            poll_interval=2,
        )
    globals().update({router.dag_id: router, scoring.dag_id: scoring})
