"""Only a type checker reads this file: what a DAG author may write is part of the product.

``mypy --strict`` runs over it in CI; it is never imported.
"""

from airflow.sdk import DAG, Asset

from airflow_provider_fabml import LiteralInput, UriFile, UriFolder
from airflow_provider_fabml.core.jobs.job import JobHandle, JobView
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.sensors.azure_ml import AzureMLBatchJobSensor
from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor

with DAG("typed", schedule=None):
    landed = OneLakeShortcutSensor(
        task_id="landed", path="Files/datasets/x", glob="*.csv", min_count="{{ params.n }}"
    )
    score = AzureMLInvokeBatchEndpointOperator(
        task_id="score",
        endpoint_name="heart-classifier",
        inputs={
            # Airflow annotates .output as the base class, which it does not call indexable.
            "heart": UriFolder(landed.output["datastore_uri"]),  # type: ignore[index]
            "mode": LiteralInput(1.5),
        },
        outputs={"score": UriFile()},
        output_root="azureml://datastores/trusted_blob/paths/endpoints",
        job_settings={"MiniBatchSize": "{{ params.n }}"},
        outlets=[Asset("scored")],
        deferrable=True,
    )
    AzureMLBatchJobSensor(task_id="scored", job=score.output)
    AzureMLBatchJobSensor(task_id="named", job="batchjob-1")

hook = AzureMLBatchHook("azure_ml_default")
handle: JobHandle = hook.invoke(
    "heart-classifier",
    inputs={"heart": {"JobInputType": "UriFolder", "Uri": "azureml://datastores/d/paths/a"}},
    outputs={"score": UriFile("azureml://datastores/d/paths/b.csv")},
)
view: JobView = hook.get_job(handle.job_name)
accepted: bool = hook.cancel_job(handle.job_name)
answer: tuple[bool, str] = hook.test_connection()
