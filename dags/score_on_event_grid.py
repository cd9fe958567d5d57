r"""Score each day's folder seconds after it is complete: Event Grid tells, storage decides.

A message only says where to look; whatever is lost on the way, a look each half hour finds::

    Event Grid -> queue -> watcher -> score_on_event_grid -> asset uci_heart_told -> score_told_day
"""

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable
from airflow.sdk import PartitionedAssetTimetable as Partitioned

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.operators.due_partitions import OneLakeDuePartitionsOperator
from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

STORE, DAYS = "azureml://datastores/trusted_blob/paths", "datasets/uci-heart-events"
QUEUE, DAY, DUE = "fabml-arrivals", "date=%Y-%m-%d", Asset("uci_heart_told")
ARRIVALS = OneLakeArrivalTrigger(
    path=f"Files/{DAYS}", partitions=DAY, quiet_for=10, storage_queue=QUEUE, poll_interval=1800
)
TOLD = Asset("uci_heart_events", watchers=[AssetWatcher(name="event_grid", trigger=ARRIVALS)])
WAKE = AssetOrTimeSchedule(timetable=CronTriggerTimetable("@hourly", timezone="UTC"), assets=TOLD)

with DAG("score_on_event_grid", schedule=WAKE, max_active_runs=1, tags=["fabml"], doc_md=__doc__):
    OneLakeDuePartitionsOperator(
        task_id="due", retries=2, arrivals=ARRIVALS, asset=DUE, output_root=f"{STORE}/endpoints"
    )

with DAG("score_told_day", schedule=Partitioned(assets=DUE), tags=["fabml"], doc_md=__doc__):
    AzureMLInvokeBatchEndpointOperator(
        task_id="score",
        endpoint_name="heart-classifier",
        storage_conn_id="onelake_default",
        inputs={"heart": UriFolder(f"{STORE}/{DAYS}/{ARRIVALS.partition_folder}")},
        output_root=f"{STORE}/endpoints",
        deferrable=True,
        retries=3,
    )
