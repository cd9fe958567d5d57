"""Job settings: Fabric's names, Python's names, and their place in the request.

One table. The first block is the service's documented ``BatchJob`` (derived specification of
2020-09-01-dataplanepreview; limits from "Manage and increase quotas": 50 tags, key 100 and value
1000 characters, description 5000). The place of Fabric's three pipeline settings in a request is not
published; they are sent where a deployment keeps its own
(``ComponentDeployment.Settings.continue_on_step_failure``, recording
``invoke_pipeline_component_2022-12``) and what came of them is read back from the job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL, PIPELINE = "model", "pipeline"
BOTH = (MODEL, PIPELINE)


class Setting(NamedTuple):
    """One row of the table.

    ``name`` is Fabric's (or the service's PascalCase) spelling, ``wire`` the path below
    ``properties`` of the request body, ``kinds`` the deployment kinds it applies to.
    """

    name: str
    wire: tuple[str, ...]
    form: str
    kinds: tuple[str, ...]
    least: int = 0


_PIPELINE_BAG = ("properties",)
TABLE: tuple[Setting, ...] = (
    Setting("MiniBatchSize", ("miniBatchSize",), "integer", (MODEL,), 1),
    Setting("ComputeInstanceCount", ("compute", "instanceCount"), "integer", (MODEL,), 1),
    Setting("ErrorThreshold", ("errorThreshold",), "integer", (MODEL,), -1),
    Setting("MaxRetries", ("retrySettings", "maxRetries"), "integer", (MODEL,), 0),
    Setting("RetryTimeout", ("retrySettings", "timeout"), "seconds", (MODEL,), 1),
    Setting("MaxConcurrencyPerInstance", ("maxConcurrencyPerInstance",), "integer", (MODEL,), 1),
    Setting("OutputFileName", ("outputFileName",), "file name", (MODEL,)),
    Setting("LoggingLevel", ("loggingLevel",), "level", (MODEL,)),
    Setting("ExperimentName", ("properties", "experimentName"), "text", (PIPELINE,), 1),
    Setting(
        "ContinueOnStepFailure",
        (*_PIPELINE_BAG, "ComponentDeployment.Settings.continue_on_step_failure"),
        "boolean",
        (PIPELINE,),
    ),
    Setting(
        "DefaultDatastore",
        (*_PIPELINE_BAG, "ComponentDeployment.Settings.default_datastore"),
        "text",
        (PIPELINE,),
        1,
    ),
    Setting(
        "ForceRun",
        (*_PIPELINE_BAG, "ComponentDeployment.Settings.force_rerun"),
        "boolean",
        (PIPELINE,),
    ),
    Setting("Tags", ("tags",), "tags", BOTH),
    Setting("Description", ("description",), "text", BOTH),
)


def settings_to_wire(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings below ``properties`` of the request, keys in the SDK's spelling."""
    wire: dict[str, Any] = {}
    for row in TABLE:
        if row.name not in settings:
            continue
        *parents, leaf = row.wire
        place = wire
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = _wire_value(row, settings[row.name])
    return wire


def _wire_value(row: Setting, value: Any) -> Any:
    if row.form == "seconds":
        return f"PT{value}S"
    if row.wire[0] == "properties":
        return str(value)  # the service's property bag maps text to text
    return value
