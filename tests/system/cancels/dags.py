"""One DAG for each row of the cancel matrix; Airflow reads a copy of this file beside ``rows.json``."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator


class Score(AzureMLInvokeBatchEndpointOperator):
    """The operator with a trigger that looks soon: these jobs never end by themselves."""

    first_wait = 2.0
    net = timedelta(seconds=3)


def seconds(options: dict[str, Any], name: str) -> timedelta | None:
    """Take a duration out of the options."""
    found = options.pop(name, None)
    return None if found is None else timedelta(seconds=found)


for row in json.loads(Path(__file__).with_name("rows.json").read_text(encoding="utf-8")):
    options = row["options"]
    with DAG(row["name"], schedule=None, dagrun_timeout=seconds(options, "dagrun_timeout")) as dag:
        Score(
            task_id="score",
            endpoint_name="heart-classifier",
            inputs=row["inputs"],
            output_root="azureml://datastores/trusted_blob/paths/endpoints",
            deferrable=row["deferrable"],
            poll_interval=3,
            retry_delay=timedelta(seconds=1),
            execution_timeout=seconds(options, "execution_timeout"),
            **options,
        )
    globals()[row["name"]] = dag
