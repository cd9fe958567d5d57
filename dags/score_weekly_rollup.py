r"""Score seven days in one job, as soon as the last of them has landed.

A model deployment takes one folder: an ISO week's days lie in one. Past weeks: backfill
`land_heart_day`. After a day was restated: clear the week's run::

    week=2026-W02/date=2026-01-05 … 11 -> land_heart_day -> uci_heart_day -> score_weekly_rollup
      one folder a day, one a week         one run a day     a partition      one run, one job
"""

from airflow.sdk import DAG, Asset, CronPartitionTimetable, RollupMapper, StartOfWeekMapper
from airflow.sdk import PartitionedAssetTimetable as Partitioned
from airflow.sdk import WeekWindow as Week

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.retry_policies.azure_ml import AzureMLRetryPolicy
from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor

STORE, DAY, ARGS = "azureml://datastores/trusted_blob/paths", "%Y-%m-%d", {"retries": 3}
WEEK = "datasets/uci-heart-weekly/week=%G-W%V"
DAYS, MONDAY = Asset("uci_heart_day"), StartOfWeekMapper(input_format=DAY, output_format=DAY)
DAILY = CronPartitionTimetable("@daily", timezone="UTC", key_format=DAY)
ROLLUP = RollupMapper(upstream_mapper=MONDAY, window=Week())
WEEKS = Partitioned(assets=DAYS, default_partition_mapper=ROLLUP)

with DAG("land_heart_day", schedule=DAILY, default_args=ARGS, tags=["fabml"], doc_md=__doc__):
    day = f"Files/{WEEK}/date={DAY}"
    OneLakeShortcutSensor(task_id="landed", path=day, quiet_for=10, outlets=[DAYS], deferrable=True)

with DAG("score_weekly_rollup", schedule=WEEKS, default_args=ARGS, tags=["fabml"], doc_md=__doc__):
    AzureMLInvokeBatchEndpointOperator(
        task_id="score",
        endpoint_name="heart-classifier",
        storage_conn_id="onelake_default",
        inputs={"heart": UriFolder(f"{STORE}/{{{{ partition_date.strftime('{WEEK}') }}}}")},
        output_root=f"{STORE}/endpoints",
        deferrable=True,
        retry_policy=AzureMLRetryPolicy(),
    )
