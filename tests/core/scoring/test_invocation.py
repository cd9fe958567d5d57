"""One invocation: its digest, its places and its body."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.scoring.invocation import (
    Invocation,
    digest,
    fixed_outputs,
    parse_invocation,
    place_outputs,
    request_body,
)
from airflow_provider_fabml.core.scoring.job_io import LiteralInput, UriFile, UriFolder

PLACE = "azureml://datastores/trusted_blob/paths/heart"
ROOT = "azureml://datastores/trusted_blob/paths/endpoints/"


def asked(**changed: Any) -> Invocation:
    """An invocation of ``heart-classifier`` with these fields."""
    good: dict[str, Any] = {
        "endpoint_name": "heart-classifier",
        "inputs": {"heart": UriFolder(PLACE)},
        "output_root": ROOT,
    }
    return parse_invocation(**{**good, **changed})


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), st.text(max_size=5)))
def test_the_digest_ignores_the_order_of_names(literals: dict[str, str]) -> None:
    """Dictionaries in another order ask for the same job."""
    one = asked(inputs={n: LiteralInput(v) for n, v in literals.items()})
    other = asked(inputs={n: LiteralInput(literals[n]) for n in reversed(literals)})
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint_name": "other"},
        {"deployment_name": "green"},
        {"inputs": {"heart": UriFile(PLACE)}},
        {"inputs": {"heart": UriFolder(PLACE, "download")}},
        {"outputs": {"score": UriFile()}},
        {"output_root": f"{ROOT}x"},
        {"job_settings": {"MiniBatchSize": 1}},
    ],
)
def test_whatever_changes_the_job_changes_the_digest(changed: dict[str, Any]) -> None:
    """Rendered inputs that differ between two tries are another job."""
    assert digest(asked(**changed)) != digest(asked())


def test_literals_of_different_types_are_different_jobs() -> None:
    """``1``, ``"1"`` and ``True`` reach the component as three values."""
    values = (1, "1", True)
    assert len({digest(asked(inputs={"x": LiteralInput(v)})) for v in values}) == 3


@pytest.mark.parametrize(
    ("kind", "given_", "uri"),
    [
        ("model", {}, "endpoints/d/r/t/2-x/predictions.csv"),
        ("model", {"job_settings": {"OutputFileName": "p.csv"}}, "endpoints/d/r/t/2-x/p.csv"),
        ("pipeline", {"outputs": {"score": UriFolder()}}, "endpoints/d/r/t/2-x/score"),
        ("model", {"outputs": {"score": UriFile(f"{PLACE}/{{attempt}}.csv")}}, "heart/2-x.csv"),
    ],
)
def test_outputs_lie_in_the_attempts_own_folder(kind: str, given_: dict, uri: str) -> None:
    """An explicit URI is taken as written, with the attempt's number in it."""
    placed = place_outputs(asked(**given_), kind, "d/r/t/2-x", "2-x")
    assert placed["score"].uri == f"azureml://datastores/trusted_blob/paths/{uri}"


def test_a_pipeline_without_outputs_gets_none_invented() -> None:
    """Only a model deployment's output has a name that everyone knows."""
    assert place_outputs(asked(), "pipeline", "d", "1") == {}


def test_the_body_has_the_callers_words_last() -> None:
    """The caller's tags and description win over ours, and nothing empty is sent."""
    mine = {"Tags": {"team": "risk", "airflow_dag_id": "x"}, "Description": "mine"}
    invocation = asked(job_settings={**mine, "MiniBatchSize": 5})
    tags = {"airflow_dag_id": "d", "airflow_invocation": "i"}
    body = request_body(invocation, {"score": UriFile(PLACE)}, tags=tags, description="ours")
    assert body["properties"] == {
        "inputData": {"heart": {"jobInputType": "UriFolder", "uri": PLACE}},
        "outputData": {"score": {"jobOutputType": "UriFile", "uri": PLACE}},
        "miniBatchSize": 5,
        "tags": {"airflow_dag_id": "x", "airflow_invocation": "i", "team": "risk"},
        "description": "mine",
    }
    bare = asked(inputs=None)
    assert request_body(bare, {}, tags={}, description=None) == {"properties": {}}
    ours = request_body(bare, {}, tags={}, description="ours")
    assert ours == {"properties": {"description": "ours"}}


def test_an_empty_deployment_name_is_the_default() -> None:
    """A template that renders to nothing leaves the choice to the endpoint."""
    assert asked(deployment_name="").deployment_name is None
    assert asked(deployment_name="green").deployment_name == "green"


@pytest.mark.parametrize(
    ("outputs", "fixed"),
    [
        (None, []),
        ({"a": UriFile(PLACE)}, ["a"]),
        ({"a": {"JobOutputType": "UriFile", "URI": PLACE}}, ["a"]),
        ({"a": UriFile(f"{PLACE}/{{{{ ds }}}}")}, []),
        ({"a": UriFile(f"{PLACE}/{{attempt}}")}, []),
        ({"a": UriFile(), "b": {"JobOutputType": "UriFile"}, "c": object()}, []),
    ],
)
def test_a_dag_file_tells_which_outputs_never_vary(outputs: object, fixed: list[str]) -> None:
    """A URI that is text without a template is the same in every run."""
    assert fixed_outputs(outputs) == fixed
