"""Did the service take the settings that were sent? Read from the job, never assumed.

Where a setting shows in an answer differs by year: ``miniBatchSize`` of its own in 2023-03, only
inside ``azureml.parameters`` in 2023-04, ``azureml.continue_on_step_failure`` for pipelines
(recordings ``invoke_model_default_output_2023-03``, ``…_2023-04``, ``invoke_pipeline_component_2022-12``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

# A duration as .NET writes it: "PT30S", and "PT1M" for 60 seconds.
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z", re.IGNORECASE)

# setting -> places, first found wins: a path below the job's properties, or a name in
# `azureml.parameters` (written with a leading "$").
_PLACES: dict[str, tuple[str, ...]] = {
    "MiniBatchSize": ("miniBatchSize", "$mini_batch_size"),
    "ComputeInstanceCount": ("compute.instanceCount", "$NodeCount"),
    "ErrorThreshold": ("errorThreshold", "$error_threshold"),
    "MaxRetries": ("retrySettings.maxRetries", "$run_max_try"),
    "RetryTimeout": ("retrySettings.timeout", "$run_invocation_timeout"),
    "MaxConcurrencyPerInstance": ("maxConcurrencyPerInstance", "$process_count_per_node"),
    "OutputFileName": ("outputFileName", "$append_row_file_name"),
    "LoggingLevel": ("loggingLevel", "$logging_level"),
    "ExperimentName": ("experimentName",),
    "ContinueOnStepFailure": ("properties.azureml.continue_on_step_failure",),
    "DefaultDatastore": ("properties.azureml.defaultDataStoreName",),
    "ForceRun": ("properties.azureml.force_rerun",),
    "Description": ("description",),
}


class Finding(NamedTuple):
    """What became of one setting. ``observed`` is None where the job does not tell."""

    setting: str
    sent: Any
    observed: Any

    @property
    def refused(self) -> bool:
        """Whether the job shows another value than the one sent."""
        return self.observed is not None

    def __str__(self) -> str:
        """One sentence for the log."""
        if self.refused:
            return f"{self.setting}: {self.sent!r} was sent, the job has {self.observed!r}"
        return f"{self.setting}: {self.sent!r} was sent, the job does not tell whether it was taken"


def compare(settings: Mapping[str, Any], *properties: Mapping[str, Any]) -> list[Finding]:
    """The settings that the job contradicts or is silent about; those it confirms are left out.

    ``properties`` are the ``properties`` objects of the invoke answer and of the job, whichever are
    at hand, in the order they were read; the last that tells of a setting counts, since the first
    answer may only repeat the request.
    """
    findings = []
    for name, sent in settings.items():
        told = [_observe(name, one) for one in properties]
        observed = [value for value in told if value is not None]
        if not observed or not _same(sent, observed[-1]):
            findings.append(Finding(name, sent, observed[-1] if observed else None))
    return findings


def settings_not_taken(
    settings: Mapping[str, Any], *properties: Mapping[str, Any]
) -> tuple[list[Finding], list[Finding]]:
    """The findings of ``compare``: those the job contradicts, and those it does not tell of."""
    findings = compare(settings, *properties)
    return [f for f in findings if f.refused], [f for f in findings if not f.refused]


def _observe(name: str, properties: Mapping[str, Any]) -> Any:
    if name == "Tags":
        return properties.get("tags")
    for place in _PLACES[name]:
        value = _parameter(properties, place[1:]) if place[0] == "$" else _at(properties, place)
        if value is not None:
            return value
    return None


def _parameter(properties: Mapping[str, Any], name: str) -> Any:
    try:
        return json.loads((properties.get("properties") or {})["azureml.parameters"]).get(name)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _at(properties: Mapping[str, Any], place: str) -> Any:
    parent, _, leaf = place.partition(".")
    told = properties.get(parent)
    if not leaf:
        return told
    return told.get(leaf) if isinstance(told, Mapping) else None


def _same(sent: Any, observed: Any) -> bool:
    if isinstance(sent, Mapping):
        return isinstance(observed, Mapping) and sent.items() <= observed.items()
    return _plain(sent) == _plain(observed)


def _plain(value: Any) -> str:
    """Numbers, booleans and durations as the service writes them as text."""
    text = str(value).strip()
    duration = _DURATION.match(text)
    if duration is None or not any(duration.groups()):
        return text.casefold()
    parts = zip(duration.groups("0"), (86400, 3600, 60, 1), strict=True)
    return str(sum(int(count) * seconds for count, seconds in parts))
