"""The invoke operator as the tests use it."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator

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


def new_run() -> str:
    """A run id that no other test has."""
    return f"manual__{uuid.uuid4().hex[:12]}"
