"""Outputs that no batch endpoint can write, or that could not be found again."""

from __future__ import annotations

from bad_input_rows.row import BadInput

from airflow_provider_fabml.core.scoring.invocation import parse_invocation
from airflow_provider_fabml.core.scoring.job_io import LiteralInput, UriFile, UriFolder
from airflow_provider_fabml.core.scoring.parse_io import parse_output_root, parse_outputs

PLACE = "azureml://datastores/trusted_blob/paths/out"

ROWS = [
    BadInput(
        "neither outputs nor output_root",
        lambda: parse_invocation(endpoint_name="heart-classifier"),
        "output-place-missing",
        "output_root",
    ),
    BadInput(
        "an output without URI and no root",
        lambda: parse_invocation(endpoint_name="heart-classifier", outputs={"score": UriFile()}),
        "output-uri-missing",
        "outputs['score'].uri",
    ),
    BadInput(
        "an output of type Literal",
        lambda: parse_outputs({"score": LiteralInput("x")}),
        "output-literal",
        "outputs['score']",
    ),
    BadInput(
        "an output that is not on a datastore",
        lambda: parse_outputs(
            {"score": UriFile("https://contoso.blob.core.windows.net/trusted/p.csv")}
        ),
        "output-not-on-datastore",
        "outputs['score'].uri",
    ),
    BadInput(
        "two outputs at one place",
        lambda: parse_outputs({"a": UriFolder(PLACE), "b": UriFolder(f"{PLACE}/")}),
        "outputs-share-a-place",
        "outputs",
    ),
    BadInput(
        "output_root is a number",
        lambda: parse_output_root(7),
        "output-root-not-text",
        "output_root",
    ),
    BadInput(
        "output_root is a storage URL",
        lambda: parse_output_root("abfss://trusted@contoso.dfs.core.windows.net/endpoints"),
        "output-root-not-on-datastore",
        "output_root",
    ),
]
