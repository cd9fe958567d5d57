r"""Score one folder with two deployments of an endpoint, and count how often they agree.

::

    Files/datasets/uci-heart-unlabeled -> score, once for each deployment -> agree

Each is a job of its own, at a path of its own (~map0, ~map1). Clear one to score with it again.
"""

from collections import Counter
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator

STORE, MOST = "azureml://datastores/trusted_blob/paths", 2**26  # bytes of a file to compare

with DAG("champion_challenger", schedule=None, tags=["fabml"], doc_md=__doc__):
    score = AzureMLInvokeBatchEndpointOperator.partial(
        task_id="score",
        endpoint_name="heart-classifier",
        storage_conn_id="onelake_default",
        inputs={"heart": UriFolder(f"{STORE}/datasets/uci-heart-unlabeled")},
        output_root=f"{STORE}/endpoints",
        deferrable=True,
    ).expand(deployment_name=["rule", "strict-rule"])

    @task
    def agree(jobs: Any) -> dict[str, int]:
        hook = OneLakeStorageHook("onelake_default")
        files = [hook.resolve(job["outputs"]["score"]["uri"]) for job in jobs]
        with hook.get_client() as client:  # lines are counted: their order is each job's own
            old, new = (Counter(client.read_start(file, MOST).splitlines()) for file in files)
        return {"rows": old.total(), "alike": (old & new).total()}

    agree(score.output)
