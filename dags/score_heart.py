r"""Score a folder that a OneLake shortcut shows, with an Azure ML batch endpoint.

Microsoft's how-to "Run Azure Machine Learning models from Fabric using Batch Endpoints", as a DAG::

    Fabric lakehouse "trusted"            the same bytes               Azure ML
    Files/datasets/uci-heart-unlabeled == container trusted == datastore trusted_blob
             |                                                             |
          landed  ------------->  score  -------------->  scored           |
       wait for files         invoke once, submit       wait for the job   |
                                                           |               v
    Files/endpoints/<dag>/<run>/... <======= predictions.csv, a new path for each run

Nothing holds a worker slot while it waits. Trigger it with other params for another folder or
endpoint: `airflow dags trigger score_heart --conf '{"endpoint_name": "breast-cancer-classifier"}'`.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.retry_policies.azure_ml import AzureMLRetryPolicy
from airflow_provider_fabml.sensors.azure_ml import AzureMLBatchJobSensor
from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor

with DAG(
    "score_heart",
    schedule=None,
    doc_md=__doc__,
    tags=["fabml"],
    default_args={"retries": 3},  # a killed worker's task goes on, with the job it had started
    params={
        "endpoint_name": Param("heart-classifier", type="string"),
        "shortcut_path": Param("Files/datasets/uci-heart-unlabeled", type="string"),
        "output_root": Param("azureml://datastores/trusted_blob/paths/endpoints", type="string"),
    },
):
    landed = OneLakeShortcutSensor(
        task_id="landed",
        onelake_conn_id="onelake_default",
        path="{{ params.shortcut_path }}",
        glob="*.csv",
        min_count=1,
        quiet_for=10,  # seconds without a change: whoever uploads has finished
        poke_interval=10,
        timeout=timedelta(hours=12),
        deferrable=True,
    )
    score = AzureMLInvokeBatchEndpointOperator(
        task_id="score",
        azure_ml_conn_id="azure_ml_default",
        storage_conn_id="onelake_default",
        endpoint_name="{{ params.endpoint_name }}",
        inputs={"heart": UriFolder("{{ ti.xcom_pull(task_ids='landed')['datastore_uri'] }}")},
        output_root="{{ params.output_root }}",
        job_settings={"MiniBatchSize": 10, "ComputeInstanceCount": 2},
        wait_for_completion=False,
        retry_policy=AzureMLRetryPolicy(),
    )
    scored = AzureMLBatchJobSensor(
        task_id="scored",
        azure_ml_conn_id="azure_ml_default",
        storage_conn_id="onelake_default",
        job=score.output,
        poke_interval=10,
        deferrable=True,
    )
    landed >> score >> scored
