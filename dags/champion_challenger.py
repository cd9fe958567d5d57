r"""Score one folder with two deployments of an endpoint, and count how often they agree.

Each is a job of its own, at a path of its own (~map0, ~map1). Clear one to score with it again::

    Files/datasets/uci-heart-unlabeled -> score, once for each deployment -> agree
"""

from collections import Counter
from typing import Any

from airflow.sdk import DAG, XComArg, task
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator

STORE, MOST, ARGS = "azureml://datastores/trusted_blob/paths", 2**26, {"retries": 3}

with DAG("champion_challenger", schedule=None, default_args=ARGS, tags=["fabml"], doc_md=__doc__):
    score = AzureMLInvokeBatchEndpointOperator.partial(
        task_id="score",
        endpoint_name="heart-classifier",
        storage_conn_id="onelake_default",
        inputs={"heart": UriFolder(f"{STORE}/datasets/uci-heart-unlabeled")},
        output_root=f"{STORE}/endpoints",
        deferrable=True,
    ).expand(deployment_name=["rule", "strict-rule"])

    @task
    def agree(outputs: Any) -> dict[str, int]:
        with (hook := OneLakeStorageHook("onelake_default")).get_client() as client:
            texts = [client.read_start(hook.resolve(one["score"]["uri"]), MOST) for one in outputs]
        if MOST in map(len, texts):
            raise AirflowFailException(f"A file has {MOST} bytes or more: too much to compare.")
        old, new = (Counter(text.splitlines()) for text in texts)  # their order is each job's own
        return {"rows": old.total(), "alike": (old & new).total()}

    agree(XComArg(score, key="outputs"))
