"""The invoke operator as the tests use it."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any, TypeVar

from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
from airflow_provider_fabml.triggers.azure_ml import AzureMLBatchJobTrigger

Operator = TypeVar("Operator", bound=AzureMLInvokeBatchEndpointOperator)
ROOT = "azureml://datastores/trusted_blob/paths/endpoints"


class Score(AzureMLInvokeBatchEndpointOperator):
    """The operator with a trigger that looks at once: these deferrals have no scheduler to race."""

    first_wait = 0.1


def score(**changes: Any) -> Score:
    """A new operator with the least it needs."""
    keywords = {
        "task_id": "score",
        "endpoint_name": "heart-classifier",
        "output_root": ROOT,
        "storage_conn_id": "onelake_default",
    }
    operator = Score(**{**keywords, **changes})
    return operator if "poll_interval" in changes else quick(operator)


def quick(operator: Operator) -> Operator:
    """The operator, looking more often than users may ask for: here nobody's quota is shared."""
    operator.poll_interval = 0.2
    return operator


def trigger_of(job: dict[str, Any], run_id: str, **options: Any) -> AzureMLBatchJobTrigger:
    """The trigger that waits for a job on behalf of the run's task ``score``."""
    trigger = AzureMLBatchJobTrigger(
        azure_ml_conn_id="azure_ml_default", job=job, **{"on_clear": "cancel", **options}
    )
    trigger.task_instance = SimpleNamespace(
        dag_id="a_dag", run_id=run_id, task_id="score", map_index=-1
    )
    return trigger


def new_run() -> str:
    """A run id that no other test has."""
    return f"manual__{uuid.uuid4().hex[:12]}"
