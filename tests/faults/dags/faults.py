"""The DAGs under fault: one task and two mapped ones, waiting in a worker or in a triggerer."""

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator

DATA = "azureml://datastores/trusted_blob/paths/datasets"


class Score(AzureMLInvokeBatchEndpointOperator):
    """The operator with a trigger that looks soon: here Airflow's heartbeat is a second."""

    first_wait = 4.0


for mode in ("sync", "deferrable"):
    with DAG(
        f"faults_{mode}",
        schedule=None,
        max_active_runs=64,
        default_args={
            "endpoint_name": f"heart-{mode}",
            "output_root": "azureml://datastores/trusted_blob/paths/endpoints",
            "storage_conn_id": "onelake_default",
            "deferrable": mode == "deferrable",
            "poll_interval": 2,
            "retries": 20,
            "retry_delay": timedelta(seconds=1),
        },
    ) as dag:
        Score(task_id="one", inputs={"heart": UriFolder(f"{DATA}/north")})
        Score.partial(task_id="each").expand(
            inputs=[{"heart": UriFolder(f"{DATA}/{name}")} for name in ("north", "south")]
        )
    globals()[dag.dag_id] = dag
