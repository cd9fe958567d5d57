r"""Score one folder a day, today and for any past date.

One date is one folder, one job and one output of its own::

    Files/datasets/uci-heart-daily/date=2026-01-01/   -> score -> endpoints/.../predictions.csv
    Files/datasets/uci-heart-daily/date=2026-01-02/   -> score -> endpoints/.../predictions.csv
    ...

Each midnight's run waits up to a day for that day's folder. Unpausing the DAG starts the newest
run only (catchup is off); past dates are scored when somebody asks for them::

    airflow dags unpause score_daily
    airflow backfill create --dag-id score_daily --from-date 2026-01-01 --to-date 2026-01-05
"""

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor

with DAG(
    "score_daily",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    doc_md=__doc__,
    tags=["fabml"],
    params={
        "endpoint_name": Param("heart-classifier", type="string"),
        "shortcut_path": Param("Files/datasets/uci-heart-daily", type="string"),
    },
):
    landed = OneLakeShortcutSensor(
        task_id="landed",
        onelake_conn_id="onelake_default",
        path="{{ params.shortcut_path }}/date={{ ds }}",
        glob="*.csv",
        quiet_for=10,
        poke_interval=60,
        timeout=timedelta(days=1),
        deferrable=True,
    )
    score = AzureMLInvokeBatchEndpointOperator(
        task_id="score",
        azure_ml_conn_id="azure_ml_default",
        storage_conn_id="onelake_default",
        endpoint_name="{{ params.endpoint_name }}",
        inputs={"heart": UriFolder("{{ ti.xcom_pull(task_ids='landed')['datastore_uri'] }}")},
        output_root="azureml://datastores/trusted_blob/paths/endpoints",
        job_settings={"MiniBatchSize": 10, "ComputeInstanceCount": 2},
        poll_interval=15,
        deferrable=True,
    )
    landed >> score
