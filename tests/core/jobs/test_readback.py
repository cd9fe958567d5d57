"""What the job shows of the settings that were sent, in every vintage of answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_fabml.core.jobs import readback
from airflow_provider_fabml.core.jobs.readback import Finding, compare, settings_not_taken
from airflow_provider_fabml.core.scoring.settings import TABLE


def recorded(folder: Any, name: str, exchange: int = 0) -> dict[str, Any]:
    """The ``properties`` of a recorded job."""
    text = (folder / "specs" / "recorded" / f"{name}.json").read_text()
    return json.loads(text)["exchanges"][exchange]["response"]["body"]["properties"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "exchange", "taken", "lost", "untold"),
    [
        (
            "invoke_model_default_output_2023-03",
            0,
            {"MiniBatchSize": 10, "RetryTimeout": 30, "LoggingLevel": "Info", "ErrorThreshold": -1},
            {"MiniBatchSize": (5, 10), "ComputeInstanceCount": (2, "1"), "MaxRetries": (1, 3)},
            {"MaxConcurrencyPerInstance": 2},
        ),
        (
            "invoke_model_default_output_2023-04",
            0,
            {"MiniBatchSize": 10, "MaxConcurrencyPerInstance": 2, "LoggingLevel": "Info"},
            {"MiniBatchSize": (5, "10"), "OutputFileName": ("p.csv", "predictions.csv")},
            {"ExperimentName": "x"},
        ),
        (
            "invoke_pipeline_component_2022-12",
            1,
            {"ContinueOnStepFailure": False, "DefaultDatastore": "workspaceblobstore"},
            {"ContinueOnStepFailure": (True, "False")},
            {"ForceRun": True, "MiniBatchSize": 5},
        ),
        (
            "job_get_running_2023-03",
            1,
            {"MiniBatchSize": 10, "ExperimentName": "batch-ept-c4e0029f383b4fa"},
            {"MiniBatchSize": (5, "10"), "Tags": ({"team": "x"}, None)},
            {"ErrorThreshold": -1},
        ),
    ],
)
def test_recorded_answers_are_read(
    shared_dir: Any, name: str, exchange: int, taken: dict, lost: dict, untold: dict
) -> None:
    """A setting shows at other places in 2022, in March and in April 2023."""
    told = recorded(shared_dir, name, exchange)
    assert compare(taken, told) == []
    sent = {setting: pair[0] for setting, pair in lost.items()}
    refused, silent = settings_not_taken(sent, told)
    assert silent == []
    assert {f.setting: f.observed for f in refused if f.setting != "Tags"} == {
        setting: pair[1] for setting, pair in lost.items() if setting != "Tags"
    }
    assert settings_not_taken(untold, told) == (
        [],
        [Finding(s, v, None) for s, v in untold.items()],
    )


def test_the_last_word_counts() -> None:
    """The first answer may only repeat the request; the job tells what it runs with."""
    echoed, ran = {"miniBatchSize": 5}, {"miniBatchSize": 10}
    assert compare({"MiniBatchSize": 5}, echoed, {}) == []
    assert compare({"MiniBatchSize": 5}, ran, echoed) == []
    assert compare({"MiniBatchSize": 5}, echoed, ran) == [Finding("MiniBatchSize", 5, 10)]


@pytest.mark.parametrize(
    ("sent", "told", "same"),
    [
        (60, "PT60S", True),
        (60, "PT1M", True),
        (90, "PT1M30S", True),
        (86401, "P1DT1S", True),
        (3600, "pt1h", True),
        (60, "60", True),
        (60, "PT2M", False),
        (60, "PT", False),
        (60, "P", False),
    ],
)
def test_durations_are_compared_by_their_length(sent: int, told: str, same: bool) -> None:
    """Services write 60 seconds as PT1M, too."""
    assert (compare({"RetryTimeout": sent}, {"retrySettings": {"timeout": told}}) == []) == same


def test_our_tags_may_stand_among_the_services_own() -> None:
    """Every tag sent must be there with its value."""
    told = {"tags": {"azureml.batchrun": "true", "team": "risk"}}
    assert compare({"Tags": {"team": "risk"}}, told) == []
    assert len(compare({"Tags": {"team": "fraud"}}, told)) == 1
    assert len(compare({"Tags": {"team": "risk"}}, {"tags": "team=risk"})) == 1


@pytest.mark.parametrize("parameters", [None, "no json", "[1]", 7])
def test_odd_answers_tell_nothing(parameters: object) -> None:
    """Parameters and blocks of another form are as good as none."""
    told = {"properties": {"azureml.parameters": parameters}, "retrySettings": "none"}
    sent = {"MiniBatchSize": 5, "MaxRetries": 1}
    assert [f.observed for f in compare(sent, told)] == [None, None]


def test_findings_read_as_sentences() -> None:
    """They stand in the task's log."""
    assert "10 was sent, the job has 5" in str(Finding("MiniBatchSize", 10, 5))
    assert "does not tell" in str(Finding("ForceRun", sent=True, observed=None))


def test_every_setting_has_a_place_to_be_read_from() -> None:
    """The two tables name the same settings."""
    assert {row.name for row in TABLE} == {*readback._PLACES, "Tags"}
