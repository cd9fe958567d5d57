"""Invocations that do not fit what stands behind the endpoint."""

from __future__ import annotations

from typing import Any

from bad_input_rows.row import BadInput

from airflow_provider_fabml.core.scoring.invocation import parse_invocation
from airflow_provider_fabml.core.scoring.job_io import LiteralInput, MLTable, UriFile, UriFolder
from airflow_provider_fabml.core.scoring.kind_rules import check_kind, parse_kind

PLACE = "azureml://datastores/trusted_blob/paths/heart"
GOOD = {"heart": UriFolder(PLACE)}
ROOT = "azureml://datastores/trusted_blob/paths/endpoints"


def on(kind: str, **given: Any) -> None:
    """Check an invocation against a deployment of ``kind``."""
    asked = {"inputs": GOOD, "output_root": ROOT, **given}
    check_kind(parse_invocation(endpoint_name="heart-classifier", **asked), kind)


ROWS = [
    BadInput(
        "a kind that does not exist",
        lambda: parse_kind("managed"),
        "deployment-kind-unknown",
        "deployment_kind",
    ),
    BadInput(
        "a mini batch size for a pipeline",
        lambda: on("pipeline", outputs={"scores": UriFolder()}, job_settings={"MiniBatchSize": 5}),
        "setting-of-the-other-kind",
        "job_settings['MiniBatchSize']",
    ),
    BadInput(
        "a literal for a model",
        lambda: on("model", inputs={**GOOD, "mode": LiteralInput("fast")}),
        "model-literal-input",
        "inputs['mode']",
    ),
    BadInput(
        "two inputs for a model",
        lambda: on("model", inputs={**GOOD, "more": UriFolder(PLACE)}),
        "model-one-input",
        "inputs",
    ),
    BadInput(
        "an MLTable for a model",
        lambda: on("model", inputs={"heart": MLTable(PLACE)}),
        "model-mltable-input",
        "inputs['heart']",
    ),
    BadInput(
        "two outputs for a model",
        lambda: on("model", outputs={"a": UriFile(), "b": UriFile()}),
        "model-one-output",
        "outputs",
    ),
    BadInput(
        "a folder output for a model",
        lambda: on("model", outputs={"score": UriFolder()}),
        "model-output-not-a-file",
        "outputs['score']",
    ),
    BadInput(
        "a pipeline without named outputs",
        lambda: on("pipeline"),
        "pipeline-outputs-unnamed",
        "outputs",
    ),
]
