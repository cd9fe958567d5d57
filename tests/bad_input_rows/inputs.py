"""Inputs that no batch endpoint can read."""

from __future__ import annotations

from bad_input_rows.row import BadInput

from airflow_provider_fabml.core.scoring.job_io import LiteralInput, UriFolder
from airflow_provider_fabml.core.scoring.parse_io import parse_inputs

PLACE = "azureml://datastores/trusted_blob/paths/heart"


def one(value: object) -> object:
    """Parse one input of the name ``heart``."""
    return parse_inputs({"heart": value})


ROWS = [
    BadInput(
        "inputs are a list",
        lambda: parse_inputs([UriFolder(PLACE)]),
        "io-not-a-mapping",
        "inputs",
    ),
    BadInput(
        "a rendered key 'None'", lambda: parse_inputs({"None": UriFolder(PLACE)}), "io-name-none"
    ),
    BadInput(
        "a name with a dash", lambda: parse_inputs({"he-art": UriFolder(PLACE)}), "io-name-form"
    ),
    BadInput(
        "a bare string with a SAS",
        lambda: one("https://acc.blob.core.windows.net/c/x?sv=2024&sig=Zm9vYmFy%3D"),
        "io-not-typed",
        "inputs['heart']",
        secret="Zm9vYmFy",
    ),
    BadInput(
        "a typed value that an XCom turned into a list",
        lambda: one([PLACE, None]),
        "io-type-lost",
        "inputs['heart']",
    ),
    BadInput("no JobInputType", lambda: one({"Uri": PLACE}), "io-type-missing", "inputs['heart']"),
    BadInput(
        "JobInputType of another service",
        lambda: one({"JobInputType": "AzureBlob", "Uri": PLACE}),
        "io-type-unknown",
        "inputs['heart']",
    ),
    BadInput(
        "a SAS in a property of its own",
        lambda: one({"JobInputType": "UriFolder", "Uri": PLACE, "SasToken": "c2VjcmV0"}),
        "io-property-unknown",
        "inputs['heart']['SasToken']",
        secret="c2VjcmV0",
    ),
    BadInput(
        "Uri and uri",
        lambda: one({"JobInputType": "UriFolder", "Uri": PLACE, "uri": PLACE}),
        "io-property-twice",
        "inputs['heart']['uri']",
    ),
    BadInput(
        "a Literal with a Uri",
        lambda: one({"JobInputType": "Literal", "Uri": PLACE, "Value": 1}),
        "literal-with-uri",
        "inputs['heart']",
    ),
    BadInput(
        "a folder with a Value",
        lambda: one({"JobInputType": "UriFolder", "Uri": PLACE, "Value": 1}),
        "data-with-value",
        "inputs['heart']",
    ),
    BadInput(
        "a Literal of nothing",
        lambda: one({"JobInputType": "Literal"}),
        "literal-without-value",
        "inputs['heart'].value",
    ),
    BadInput(
        "a Literal of a list",
        lambda: one(LiteralInput([1, 2])),  # type: ignore[arg-type]
        "literal-not-scalar",
        "inputs['heart'].value",
    ),
    BadInput(
        "a Literal that is not a number",
        lambda: one(LiteralInput(float("nan"))),
        "literal-not-finite",
        "inputs['heart'].value",
    ),
    BadInput(
        "a Uri that is a number",
        lambda: one({"JobInputType": "UriFolder", "Uri": 7}),
        "io-uri-not-text",
        "inputs['heart'].uri",
    ),
    BadInput(
        "a mode of another service",
        lambda: one(UriFolder(PLACE, "mount")),
        "io-mode-unknown",
        "inputs['heart'].mode",
    ),
    BadInput(
        "a folder without a place",
        lambda: one(UriFolder()),
        "input-uri-missing",
        "inputs['heart'].uri",
    ),
]
