"""The workspace file: what it takes, and how mistakes are told."""

from __future__ import annotations

import pytest
import yaml

from airflow_provider_fabml.emulator import WorkspaceFileError, load_workspace
from airflow_provider_fabml.emulator.loading import DEMO

GOOD = {
    "principals": [{"client_id": "a", "secret": "hush-hush"}],
    "datastores": [{"name": "d", "container": "c", "default": True}],
}


def test_the_demo_workspace_is_served_without_a_file():
    """Its endpoints, scripts and pipeline code exist."""
    demo = load_workspace(None)
    names = [endpoint.name for endpoint in demo.endpoints]
    assert names == ["heart-classifier", "breast-cancer-classifier", "heart-pipeline"]
    for endpoint in demo.endpoints:
        for deployment in endpoint.deployments:
            if deployment.kind == "model":
                assert deployment.scoring_script.is_file()
            else:
                assert all(step.code.is_dir() for step in deployment.steps)


def test_paths_are_relative_to_the_file(tmp_path):
    """A script named in a file lies beside that file."""
    deployment = {"kind": "model", "name": "one", "scoring_script": "s/score.py"}
    data = {**GOOD, "endpoints": [{"name": "abc", "deployments": [{**deployment, "name": "uno"}]}]}
    file = tmp_path / "w.yaml"
    file.write_text(yaml.safe_dump(data))
    assert load_workspace(file).endpoints[0].deployments[0].scoring_script == (
        tmp_path / "s" / "score.py"
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"endpointz": []}, "endpointz: value []"),
        ({"principals": []}, "principals"),
        ({"switches": {"vintage": "2021"}}, "switches.vintage: value '2021'"),
        ({"switches": {"deduplicates": True}}, "switches.deduplicates"),
        ({"clock": {"mode": "fast"}}, "clock.mode: value 'fast'"),
        ({"endpoints": [{"name": "a"}]}, "endpoints.0.name: value 'a'"),
        (
            {"endpoints": [{"name": "abc", "default_deployment": "nope"}]},
            "default_deployment 'nope' is none of",
        ),
        (
            {"endpoints": [{"name": "abc", "deployments": [{"kind": "online", "name": "abc"}]}]},
            "use 'kind: model' or 'kind: pipeline_component'",
        ),
        ({"datastores": [{"name": "d", "container": "c"}]}, "exactly one is needed"),
    ],
)
def test_a_mistake_is_told_with_field_value_and_remedy(change, told):
    """Every mistake names its field; the text has a remedy and no secret."""
    with pytest.raises(WorkspaceFileError) as refused:
        load_workspace({**GOOD, **change})
    assert told in str(refused.value)
    assert "remedy: " in str(refused.value)
    assert "hush-hush" not in str(refused.value)


@pytest.mark.parametrize("text", ["a: [", "- 1", ""])
def test_a_file_that_is_no_workspace_is_told(tmp_path, text):
    """Broken YAML, a list and an empty file are refused with the file's name."""
    file = tmp_path / "w.yaml"
    file.write_text(text)
    with pytest.raises(WorkspaceFileError, match=r"w\.yaml"):
        load_workspace(file)


def test_a_file_that_is_missing_is_told(tmp_path):
    """The path and the reason."""
    with pytest.raises(WorkspaceFileError, match=r"none\.yaml cannot be read"):
        load_workspace(tmp_path / "none.yaml")


def test_secrets_are_in_no_representation():
    """A principal's secret and a storage key are not shown by ``repr``."""
    storage = {"url": "http://127.0.0.1:1/a", "key": "keykeykey"}
    shown = repr(load_workspace({**GOOD, "storage": storage}))
    assert "hush-hush" not in shown
    assert "keykeykey" not in shown


def test_the_demo_file_is_the_one_that_is_documented():
    """The README names the demo file's place."""
    assert DEMO.name == "workspace.yaml"
    assert "demo_workspace/workspace.yaml" in (DEMO.parents[1] / "README.md").read_text()
