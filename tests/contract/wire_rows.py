"""Invocations as we are asked for them and as the SDK is, and every difference on the wire.

`ours` are keywords of ``AzureMLBatchHook.invoke`` (or of the operator), `sdk` those of
``MLClient.batch_endpoints.invoke``, where a dictionary with ``type`` stands for the SDK's ``Input`` or
``Output`` and one with ``jobInputType`` goes to the SDK as it is.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from airflow_provider_fabml import (
    CustomModel,
    LiteralInput,
    MLFlowModel,
    MLTable,
    TritonModel,
    UriFile,
    UriFolder,
)

STORE = "azureml://datastores/trusted_blob/paths"
FOLDER, SCORE = f"{STORE}/heart", f"{STORE}/out/1/predictions.csv"
WORKSPACE = "subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/trusted-ml"
LONG = f"azureml://{WORKSPACE}/workspaces/trusted-ml/datastores/trusted_blob/paths"
ARM = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/trusted-ml/providers"
    "/Microsoft.MachineLearningServices/workspaces/trusted-ml"
)
HTTPS = "https://trusted.blob.core.windows.net/trusted/heart"
ABFSS = "abfss://trusted@trusted.dfs.core.windows.net/heart"
TYPES = {
    UriFolder: "uri_folder",
    UriFile: "uri_file",
    MLTable: "mltable",
    MLFlowModel: "mlflow_model",
    CustomModel: "custom_model",
    TritonModel: "triton_model",
}


class Row(NamedTuple):
    """One invocation, twice. `refused` are typed keywords that the SDK refuses for this one."""

    name: str
    endpoint: str
    ours: dict[str, Any]
    sdk: dict[str, Any]
    differs: tuple[str, ...] = ()
    refused: dict[str, Any] | None = None
    operator: bool = False


class Difference(NamedTuple):
    """Why `path` (a pattern) differs, and the row in which it does."""

    name: str
    path: str
    reason: str
    witness: str

    def explains(self, path: str) -> bool:
        """Whether this is a difference at `path`."""
        return re.fullmatch(self.path, path) is not None


IN, OUT = r"body\.properties\.inputData\.\w+", r"body\.properties\.outputData\.\w+"
ALWAYS = ("user-agent", "request-id")
DIFFERENCES = (
    Difference("user-agent", r"headers\.user-agent", "each says who it is", "model folder"),
    Difference(
        "request-id",
        r"headers\.repeatability_request-id",
        "a new UUID for each invocation on both sides; ours is kept in the task's record",
        "model folder",
    ),
    Difference(
        "content-length",
        r"headers\.content-length",
        "follows from a body that differs for another reason of this list",
        "instance count",
    ),
    Difference(
        "default tags",
        r"body\.properties\.tags(\..*)?",
        "the operator names DAG, run, task and invocation, so that a person finds the job's origin "
        "and a look-up the job; the SDK's invoke has no tags",
        "operator, model",
    ),
    Difference(
        "default description",
        r"body\.properties\.description",
        "the operator says in words who asked; the SDK's invoke has no description",
        "operator, model",
    ),
    Difference(
        "isLocal",
        r"body\.properties\.compute\.isLocal",
        "the SDK writes isLocal=true beside an instance count, although nothing is local: its "
        "ComputeConfiguration compares a missing target with 'local'",
        "instance count",
    ),
    Difference(
        "input mode",
        rf"{IN}\.mode",
        "the specification has mode for every input; the SDK drops it for UriFolder and UriFile",
        "folder with a mode",
    ),
    Difference(
        "model assets",
        rf"{IN}\.uri",
        "the SDK looks for a registered model among the data assets, where none is",
        "model asset by version",
    ),
    Difference(
        "duration spelling",
        r"body\.properties\.retrySettings\.timeout",
        "PT90S and the SDK's PT1M30S are one ISO 8601 duration; recordings write seconds only",
        "long retry timeout",
    ),
    Difference(
        "REST-only settings",
        r"body\.properties\.(tags\..*|description|loggingLevel|maxConcurrencyPerInstance)",
        "fields of the specification's BatchJob that the SDK refuses as unknown",
        "REST-only settings",
    ),
)


def one(name: str, value: Any, sdk: Any, **more: Any) -> Row:
    """A row of the model endpoint with one input, whose output is the same on both sides."""
    ours = {"inputs": {"heart": value}, "outputs": {"score": UriFile(SCORE)}}
    theirs = {"inputs": {"heart": sdk}, "outputs": {"score": {"type": "uri_file", "path": SCORE}}}
    return Row(name, "heart-classifier", ours, theirs, **more)


def setting(name: str, settings: dict[str, Any], override: Any, **more: Any) -> Row:
    """A row of the model endpoint with job settings."""
    row = one(name, UriFolder(FOLDER), {"type": "uri_folder", "path": FOLDER}, **more)
    return row._replace(
        ours={**row.ours, "job_settings": settings},
        sdk={**row.sdk, "params_override": override},
    )


def pipeline(name: str, inputs: Any, sdk: Any, **more: Any) -> Row:
    """A row of the pipeline endpoint, whose output folder is the same on both sides."""
    ours = {"inputs": inputs, "outputs": {"scores": UriFolder(f"{STORE}/out/1")}}
    output = {"scores": {"type": "uri_folder", "path": f"{STORE}/out/1"}}
    return Row(name, "everything", ours, {"inputs": sdk, "outputs": output}, **more)


def raw(uri: str, **more: Any) -> dict[str, Any]:
    """An input in wire form, which the SDK hands on unread."""
    return {"jobInputType": "UriFolder", "uri": uri, **more}


def refused(name: str, uri: str) -> Row:
    """A row whose URI the SDK takes in wire form only."""
    row = one(name, UriFolder(uri), raw(uri))
    return row._replace(refused={"inputs": {"heart": {"type": "uri_folder", "path": uri}}})


def asset(name: str, uri: str, **more: Any) -> Row:
    """A row with a registered data asset."""
    return one(name, UriFolder(uri), {"type": "uri_folder", "path": uri}, **more)


ROWS = (
    one("model folder", UriFolder(FOLDER), {"type": "uri_folder", "path": FOLDER}),
    one(
        "model file",
        UriFile(f"{FOLDER}/1.csv"),
        {"type": "uri_file", "path": f"{FOLDER}/1.csv"},
    ),
    one(
        "Fabric's spelling",
        {"JobInputType": "UriFolder", "Uri": FOLDER},
        {"type": "uri_folder", "path": FOLDER},
    ),
    one("long datastore URI", UriFolder(f"{LONG}/a"), {"type": "uri_folder", "path": f"{LONG}/a"}),
    one("https folder", UriFolder(HTTPS), {"type": "uri_folder", "path": HTTPS}),
    one(
        "https file",
        UriFile(f"{HTTPS}/1.csv"),
        {"type": "uri_file", "path": f"{HTTPS}/1.csv"},
    ),
    one(
        "spaces and letters",
        UriFolder(f"{STORE}/año 1/=x"),
        {"type": "uri_folder", "path": f"{STORE}/año 1/=x"},
    ),
    one(
        "folder with a mode",
        UriFolder(FOLDER, "download"),
        {"type": "uri_folder", "path": FOLDER, "mode": "download"},
        differs=("input mode", "content-length"),
    ),
    asset("data asset by version", "azureml:heart-data:3"),
    asset("data asset by label", "azureml:heart-data@latest"),
    asset("data asset by id", f"{ARM}/data/heart-data/versions/2"),
    refused("datastore by id", f"{ARM}/datastores/trusted_blob/paths/heart"),
    refused("abfss", ABFSS),
    refused("wasbs", "wasbs://trusted@trusted.blob.core.windows.net/heart"),
    refused("output of a job", "azureml://jobs/a-job/outputs/score/paths/heart"),
    refused("registry asset", "azureml://registries/r/data/heart-data/versions/1"),
    setting("mini batch size", {"MiniBatchSize": 3}, [{"mini_batch_size": 3}]),
    setting("error threshold", {"ErrorThreshold": -1}, [{"error_threshold": -1}]),
    setting("output file name", {"OutputFileName": "p.csv"}, [{"output_file_name": "p.csv"}]),
    setting(
        "retry settings",
        {"RetrySettings": {"MaxRetries": 0, "Timeout": 30}},
        [{"retry_settings": {"max_retries": 0, "timeout": 30}}],
    ),
    setting(
        "long retry timeout",
        {"RetrySettings": {"Timeout": 90}},
        [{"retry_settings": {"timeout": 90}}],
        differs=("duration spelling", "content-length"),
    ),
    setting(
        "instance count",
        {"ComputeInstanceCount": 2},
        [{"compute": {"instance_count": 2}}],
        differs=("isLocal", "content-length"),
    ),
    setting(
        "REST-only settings",
        {
            "Tags": {"team": "risk"},
            "Description": "why",
            "LoggingLevel": "Debug",
            "MaxConcurrencyPerInstance": 2,
        },
        [],
        differs=("REST-only settings", "content-length"),
        refused={
            "params_override": [
                {"tags": {"team": "risk"}},
                {"description": "why"},
                {"logging_level": "Debug"},
                {"max_concurrency_per_instance": 2},
            ]
        },
    ),
    setting(
        "settings together",
        {"mini_batch_size": 4, "error_threshold": 2, "retry_settings": {"max_retries": 1}},
        [{"mini_batch_size": 4}, {"error_threshold": 2}, {"retry_settings": {"max_retries": 1}}],
    ),
    Row(
        "named deployment",
        "heart-classifier",
        {
            "deployment_name": "strict-rule",
            "inputs": {"heart": UriFolder(FOLDER)},
            "outputs": {"score": UriFile(SCORE)},
        },
        {
            "deployment_name": "strict-rule",
            "inputs": {"heart": {"type": "uri_folder", "path": FOLDER}},
            "outputs": {"score": {"type": "uri_file", "path": SCORE}},
        },
    ),
    *(
        pipeline(
            f"input {kind.__name__}",
            {wire: kind(f"{FOLDER}/{wire}")},
            {wire: {"type": wire, "path": f"{FOLDER}/{wire}"}},
        )
        for kind, wire in TYPES.items()
    ),
    pipeline(
        "model input with a mode",
        {"mlflow_model": MLFlowModel(FOLDER, "ro_mount")},
        {"mlflow_model": {"type": "mlflow_model", "path": FOLDER, "mode": "ro_mount"}},
    ),
    pipeline(
        "model asset by version",
        {"mlflow_model": MLFlowModel("azureml:heart-model:1")},
        {"mlflow_model": {"type": "mlflow_model", "path": "azureml:heart-model:1"}},
        differs=("model assets", "content-length"),
    ),
    *(
        pipeline(
            f"literal {wire}",
            {wire: LiteralInput(value)},
            {wire: {"type": wire, "default": value}},
        )
        for wire, value in (
            ("string", "append"),
            ("number", 1.5),
            ("integer", 7),
            ("boolean", True),
        )
    ),
    pipeline(
        "literal false",
        {"boolean": LiteralInput(False)},
        {"boolean": {"type": "boolean", "default": False}},
    ),
    pipeline(
        "literal that looks like a number",
        {"string": LiteralInput("007")},
        {"string": {"type": "string", "default": "007"}},
    ),
    pipeline(
        "data and literals",
        {"uri_folder": UriFolder(FOLDER), "string": LiteralInput("a"), "integer": LiteralInput(0)},
        {
            "uri_folder": {"type": "uri_folder", "path": FOLDER},
            "string": {"type": "string", "default": "a"},
            "integer": {"type": "integer", "default": 0},
        },
    ),
    *(
        Row(
            f"output {kind.__name__}",
            "everything",
            {"inputs": {}, "outputs": {"scores": kind(f"{STORE}/out/{wire}")}},
            {"outputs": {"scores": {"type": wire, "path": f"{STORE}/out/{wire}"}}},
        )
        for kind, wire in TYPES.items()
    ),
    Row(
        "output with a mode",
        "everything",
        {"inputs": {}, "outputs": {"scores": UriFolder(f"{STORE}/o", "rw_mount")}},
        {"outputs": {"scores": {"type": "uri_folder", "path": f"{STORE}/o", "mode": "rw_mount"}}},
    ),
    Row(
        "two outputs and a long URI",
        "everything",
        {"inputs": {}, "outputs": {"scores": UriFolder(f"{LONG}/a"), "log": UriFile(f"{STORE}/b")}},
        {
            "outputs": {
                "scores": {"type": "uri_folder", "path": f"{LONG}/a"},
                "log": {"type": "uri_file", "path": f"{STORE}/b"},
            }
        },
    ),
)


def with_settings(row: Row, name: str, settings: dict[str, Any], **sdk: Any) -> Row:
    """The row with job settings on our side and other keywords on the SDK's."""
    ours = {**row.ours, "job_settings": settings}
    return row._replace(name=name, ours=ours, sdk={**row.sdk, **sdk})


def by_operator(row: Row, name: str) -> Row:
    """The row through the operator, which names its task in tags and description."""
    own = ("default tags", "default description", "content-length")
    return row._replace(name=name, differs=tuple({*row.differs, *own}), operator=True)


_SETTING = "ComponentDeployment.Settings."
_LITERAL = pipeline(
    "", {"string": LiteralInput("a")}, {"string": {"type": "string", "default": "a"}}
)
_NAMED = {row.name: row for row in ROWS}
ROWS += (
    with_settings(_LITERAL, "experiment name", {"ExperimentName": "exp1"}, experiment_name="exp1"),
    with_settings(
        _LITERAL,
        "pipeline settings",
        {"ContinueOnStepFailure": True, "DefaultDatastore": "trusted_blob", "ForceRun": False},
        params_override=[
            {
                "properties": {
                    f"{_SETTING}continue_on_step_failure": "True",
                    f"{_SETTING}default_datastore": "trusted_blob",
                    f"{_SETTING}force_rerun": "False",
                }
            }
        ],
    ),
    by_operator(_NAMED["model folder"], "operator, model"),
    by_operator(_NAMED["named deployment"], "operator, named deployment"),
    by_operator(_NAMED["data and literals"], "operator, pipeline"),
    by_operator(_NAMED["instance count"], "operator, instance count"),
    by_operator(_NAMED["data asset by label"], "operator, data asset"),
    by_operator(_NAMED["abfss"], "operator, abfss"),
)
