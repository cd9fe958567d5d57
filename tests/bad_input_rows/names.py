"""Names of endpoints, deployments and partitions that rendered to nothing or to something else."""

from __future__ import annotations

from functools import partial

from bad_input_rows.row import BadInput

from airflow_provider_fabml.core.scoring.invocation import parse_invocation
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity, attempt_folder

ROOT = "azureml://datastores/trusted_blob/paths/endpoints"


def named(endpoint: object, deployment: object = None) -> None:
    """Parse an invocation of this endpoint and deployment."""
    parse_invocation(endpoint_name=endpoint, deployment_name=deployment, output_root=ROOT)


ROWS = [
    BadInput(
        "an endpoint 'None'", partial(named, "None"), "endpoint-name-missing", "endpoint_name"
    ),
    BadInput(
        "an endpoint's URL",
        partial(named, "https://heart.westeurope.inference.ml.azure.com/jobs"),
        "endpoint-name-form",
        "endpoint_name",
    ),
    BadInput(
        "a deployment 'None'",
        lambda: named("heart-classifier", "None"),
        "deployment-name-none",
        "deployment_name",
    ),
    BadInput(
        "a deployment that begins with a digit",
        lambda: named("heart-classifier", "1st"),
        "deployment-name-form",
        "deployment_name",
    ),
    BadInput(
        "a partition key 'None'",
        lambda: attempt_folder(RunIdentity("dag", "run", "task", partition_key="None"), "1"),
        "partition-key-empty",
        "partition_key",
    ),
]
