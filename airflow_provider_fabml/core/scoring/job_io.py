"""What goes into a batch job and what comes out of it, as small typed values.

The types and their REST spelling are those of the service's ``JobInput`` and ``JobOutput``
(Microsoft, "Create jobs and input data for batch endpoints"); Fabric's activity writes them as
``{"JobInputType": …, "Uri": …}``, which is accepted too. The values are NamedTuples because Airflow
renders Jinja, and keeps upstream dependencies, inside tuples and not inside dataclasses (D15).
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

# Text, or a value of an upstream task that Airflow puts in its place before the task runs.
Templated: TypeAlias = Any


class UriFolder(NamedTuple):
    """A folder. As an output without ``uri`` it is placed below ``output_root``."""

    uri: Templated = ""
    mode: str | None = None


class UriFile(NamedTuple):
    """One file. As an output without ``uri`` it is placed below ``output_root``."""

    uri: Templated = ""
    mode: str | None = None


class MLTable(NamedTuple):
    """A folder with an MLTable definition (pipeline component deployments only)."""

    uri: Templated = ""
    mode: str | None = None


class MLFlowModel(NamedTuple):
    """A folder with an MLflow model."""

    uri: Templated = ""
    mode: str | None = None


class CustomModel(NamedTuple):
    """A model of any form."""

    uri: Templated = ""
    mode: str | None = None


class TritonModel(NamedTuple):
    """A folder with a Triton model repository."""

    uri: Templated = ""
    mode: str | None = None


class LiteralInput(NamedTuple):
    """A value handed to a pipeline component: str, int, float or bool, with its JSON type kept.

    Fabric calls it ``Literal``; the Python name does not clash with :data:`typing.Literal`.
    """

    value: Templated = None


DataInput: TypeAlias = UriFolder | UriFile | MLTable | MLFlowModel | CustomModel | TritonModel
JobInput: TypeAlias = DataInput | LiteralInput
JobOutput: TypeAlias = DataInput

DATA_TYPES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (UriFolder, UriFile, MLTable, MLFlowModel, CustomModel, TritonModel)
}
LITERAL = "Literal"


# Delivery modes: the SDK's spelling (azure-ai-ml InputOutputModes) and the service's.
MODES = frozenset(
    {"ro_mount", "rw_mount", "upload", "download", "direct", "eval_mount", "eval_download"}
    | {"ReadOnlyMount", "ReadWriteMount", "Upload", "Download", "Direct", "EvalMount"}
    | {"EvalDownload"}
)


def type_name(value: JobInput) -> str:
    """The service's name of the value's type, e.g. ``UriFolder`` or ``Literal``."""
    return LITERAL if isinstance(value, LiteralInput) else type(value).__name__


def input_to_wire(value: JobInput) -> dict[str, Any]:
    """One entry of ``properties.inputData``; keys in the SDK's spelling (camelCase)."""
    if isinstance(value, LiteralInput):
        return {"jobInputType": LITERAL, "value": value.value}
    return _data_to_wire(value, "jobInputType")


def output_to_wire(value: JobOutput) -> dict[str, Any]:
    """One entry of ``properties.outputData``; keys in the SDK's spelling (camelCase)."""
    return _data_to_wire(value, "jobOutputType")


def _data_to_wire(value: DataInput, type_key: str) -> dict[str, Any]:
    wire = {type_key: type_name(value), "uri": value.uri}
    return wire if value.mode is None else {**wire, "mode": value.mode}
