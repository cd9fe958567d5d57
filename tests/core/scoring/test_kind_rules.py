"""What stands behind an endpoint, and what it takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_fabml.core.scoring.invocation import parse_invocation
from airflow_provider_fabml.core.scoring.job_io import LiteralInput, UriFile, UriFolder
from airflow_provider_fabml.core.scoring.kind_rules import check_kind, kind_of, parse_kind

PLACE = "azureml://datastores/trusted_blob/paths/heart"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("recording", "kind"),
    [
        ("batch_deployments_list_2023-03", "model"),
        ("invoke_pipeline_component_2022-12", "pipeline"),
    ],
)
def test_recorded_deployments_tell_their_kind(shared_dir: Any, recording: str, kind: str) -> None:
    """Both shapes of the real service."""
    text = (shared_dir / "specs" / "recorded" / f"{recording}.json").read_text()
    body = json.loads(text)["exchanges"][0]["response"]["body"]
    for deployment in body.get("value", [body]):
        assert kind_of(deployment) == kind


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        (
            {"deploymentConfiguration": {"deploymentConfigurationType": "PipelineComponent"}},
            "pipeline",
        ),
        ({"deploymentConfiguration": {"deploymentConfigurationType": "Model"}}, "model"),
        ({"deploymentConfiguration": None, "properties": None}, "model"),
        (None, "model"),
    ],
)
def test_newer_deployments_tell_it_elsewhere(properties: Any, kind: str) -> None:
    """``deploymentConfiguration`` of newer API versions."""
    assert kind_of({"properties": properties}) == kind


@pytest.mark.parametrize("kind", [None, "model", "pipeline"])
def test_a_stated_kind_is_taken(kind: str | None) -> None:
    """None means: ask the service."""
    assert parse_kind(kind) == kind


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("model", {"inputs": {"any": UriFile(PLACE)}, "job_settings": {"MiniBatchSize": 1}}),
        ("model", {"inputs": {"any": UriFolder(PLACE)}, "outputs": {"any": UriFile()}}),
        (
            "pipeline",
            {
                "inputs": {"a": UriFolder(PLACE), "b": LiteralInput(1)},
                "outputs": {"x": UriFolder(), "y": UriFile()},
                "job_settings": {"ForceRun": True, "Tags": {"a": "b"}},
            },
        ),
    ],
)
def test_what_a_deployment_takes_passes(kind: str, given: dict[str, Any]) -> None:
    """Each kind with inputs, outputs and settings of its own."""
    check_kind(parse_invocation(endpoint_name="heart-classifier", output_root=PLACE, **given), kind)
