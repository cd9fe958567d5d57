r"""Score each day's folder as soon as it is complete, and again when it is restated.

An arrival only wakes the router, and so does every hour: storage says what is due::

    watcher -> score_on_arrival -> asset uci_heart_due -> score_arrived_day -> predictions.csv
               which days are due?   one partition a day    one run, one job
"""

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable
from airflow.sdk import PartitionedAssetTimetable as Partitioned

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.operators.due_partitions import OneLakeDuePartitionsOperator
from airflow_provider_fabml.retry_policies.azure_ml import AzureMLRetryPolicy
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

STORE, DAYS = "azureml://datastores/trusted_blob/paths", "datasets/uci-heart-daily"
ARRIVALS = OneLakeArrivalTrigger(path=f"Files/{DAYS}", partitions="date=%Y-%m-%d", quiet_for=10)
LANDED = Asset("uci_heart_landed", watchers=[AssetWatcher(name="onelake", trigger=ARRIVALS)])
HOURLY, DUE = CronTriggerTimetable("@hourly", timezone="UTC"), Asset("uci_heart_due")
WAKE = AssetOrTimeSchedule(timetable=HOURLY, assets=LANDED)

with DAG("score_on_arrival", schedule=WAKE, max_active_runs=1, tags=["fabml"], doc_md=__doc__):
    OneLakeDuePartitionsOperator(
        task_id="due", retries=2, arrivals=ARRIVALS, asset=DUE, output_root=f"{STORE}/endpoints"
    )

with DAG("score_arrived_day", schedule=Partitioned(assets=DUE), tags=["fabml"], doc_md=__doc__):
    AzureMLInvokeBatchEndpointOperator(
        task_id="score",
        endpoint_name="heart-classifier",
        storage_conn_id="onelake_default",
        inputs={"heart": UriFolder(f"{STORE}/{DAYS}/{ARRIVALS.partition_folder}")},
        output_root=f"{STORE}/endpoints",
        deferrable=True,
        retries=3,
        retry_policy=AzureMLRetryPolicy(),
    )
