r"""Score one folder a day, today and for any past date; while a run waits, no worker does.

Each midnight's run waits up to a week for that day's folder. Past dates when somebody asks:
`airflow backfill create --dag-id score_daily_with_sensor --from-date 2026-01-01 --to-date ...`::

    Files/datasets/uci-heart-daily/date=2026-01-01/   -> score -> endpoints/.../predictions.csv
    Files/datasets/uci-heart-daily/date=2026-01-02/   -> score -> endpoints/.../predictions.csv
"""

from airflow.sdk import DAG

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.retry_policies.azure_ml import AzureMLRetryPolicy
from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor

PARAMS = {"endpoint_name": "heart-classifier", "shortcut_path": "Files/datasets/uci-heart-daily"}

with DAG(
    "score_daily_with_sensor", schedule="@daily", params=PARAMS, tags=["fabml"], doc_md=__doc__
):
    landed = OneLakeShortcutSensor(
        task_id="landed",
        path="{{ params.shortcut_path }}/date=%Y-%m-%d",
        quiet_for=10,
        start_from_trigger=True,
        retries=3,
    )
    score = AzureMLInvokeBatchEndpointOperator(
        task_id="score",
        endpoint_name="{{ params.endpoint_name }}",
        storage_conn_id="onelake_default",
        inputs={"heart": UriFolder("{{ ti.xcom_pull(task_ids='landed')['datastore_uri'] }}")},
        output_root="azureml://datastores/trusted_blob/paths/endpoints",
        deferrable=True,
        retries=3,
        retry_policy=AzureMLRetryPolicy(),
    )
    landed >> score
