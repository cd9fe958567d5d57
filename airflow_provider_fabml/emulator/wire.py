"""The body of an invocation, as the data-plane specification has it (``BatchJobResource``).

Keys are matched without case: the SDK writes camelCase, Microsoft's REST pages PascalCase, and
the service takes both. A key that is not in the specification is refused.
"""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from airflow_provider_fabml.emulator.durations import seconds_of
from airflow_provider_fabml.emulator.errors import ServiceError, invalid_job, rule_broken

DataType = Literal["UriFile", "UriFolder", "MLTable", "CustomModel", "MLFlowModel", "TritonModel"]
INPUT_MODES = {
    "readonlymount": "ReadOnlyMount",
    "ro_mount": "ReadOnlyMount",
    "readwritemount": "ReadWriteMount",
    "rw_mount": "ReadWriteMount",
    "mount": "ReadWriteMount",
    "upload": "Upload",
    "download": "Download",
    "direct": "Direct",
    "evalmount": "EvalMount",
    "eval_mount": "EvalMount",
    "evaldownload": "EvalDownload",
    "eval_download": "EvalDownload",
}
"""Spellings of the SDK and of the specification, lower case → the specification's."""


class Wire(BaseModel):
    """Base: keys without case, nothing unknown."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _fold_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = {(f.alias or name).lower(): f.alias or name for name, f in cls.model_fields.items()}
        return {known.get(str(key).lower(), key): value for key, value in data.items()}


class Input(Wire):
    """One input: data (``uri``) or a literal (``value``)."""

    type: DataType | Literal["Literal"] = Field(alias="jobInputType")
    uri: str | None = Field(default=None, pattern="[a-zA-Z0-9_]")
    value: str | float | int | bool | None = None
    mode: str | None = None
    description: str | None = None

    @field_validator("mode")
    @classmethod
    def _known_mode(cls, mode: str | None) -> str | None:
        if mode is not None and mode.lower() not in INPUT_MODES:
            raise ValueError(f"mode {mode!r} is none of {sorted(set(INPUT_MODES.values()))}")
        return mode if mode is None else INPUT_MODES[mode.lower()]

    @model_validator(mode="after")
    def _fits_type(self) -> "Input":
        if self.type == "Literal" and self.uri is not None:
            raise ValueError("a Literal has a value and no uri")
        if self.type != "Literal" and self.uri is None:
            raise ValueError(f"a {self.type} needs a uri")
        if self.type != "Literal" and self.value is not None:
            raise ValueError(f"a {self.type} has a uri and no value")
        return self


class Output(Wire):
    """One output."""

    type: DataType = Field(alias="jobOutputType")
    uri: str | None = None
    mode: str | None = None
    description: str | None = None


class Retry(Wire):
    """Retry settings; the timeout is an ISO 8601 duration."""

    max_retries: int | None = Field(default=None, alias="maxRetries", ge=0)
    timeout: str | None = None

    @field_validator("timeout")
    @classmethod
    def _is_duration(cls, timeout: str | None) -> str | None:
        if timeout is not None:
            seconds_of(timeout)
        return timeout


class Compute(Wire):
    """Compute settings; ``isLocal`` is written by the SDK beside an instance count."""

    instance_count: int | None = Field(default=None, alias="instanceCount", ge=1)
    instance_type: str | None = Field(default=None, alias="instanceType")
    is_local: bool | None = Field(default=None, alias="isLocal")
    location: str | None = None
    properties: dict[str, str] | None = None
    target: str | None = None


class Dataset(Wire):
    """The input of the API before 2022."""

    kind: Literal["DataUrl", "DatasetVersion", "DatasetId"] = Field(alias="dataInputType")
    path: str | None = None
    name: str | None = Field(default=None, alias="datasetName")
    version: str | None = Field(default=None, alias="datasetVersion")
    id: str | None = Field(default=None, alias="datasetId")

    def as_input(self) -> Input:
        """Return the input of today's API that means the same."""
        uri = {
            "DataUrl": self.path,
            "DatasetVersion": f"azureml:{self.name}:{self.version}",
            "DatasetId": self.id,
        }[self.kind]
        return Input.model_validate({"jobInputType": "UriFolder", "uri": uri})


class OutputDataset(Wire):
    """The output of the API before 2022."""

    path: str
    datastore_id: str | None = Field(default=None, alias="datastoreId")
    dataset_type: str | None = Field(default=None, alias="datasetType")
    description: str | None = None
    is_anonymous: bool | None = Field(default=None, alias="isAnonymous")
    properties: dict[str, str] | None = None
    tags: dict[str, str] | None = None


class BatchJob(Wire):
    """``properties`` of the request; read-only members are taken and ignored."""

    inputs: dict[str, Input] = Field(default={}, alias="inputData")
    outputs: dict[str, Output] = Field(default={}, alias="outputData")
    compute: Compute = Compute()
    dataset: Dataset | None = None
    output_dataset: OutputDataset | None = Field(default=None, alias="outputDataset")
    name: str | None = None
    description: str | None = None
    tags: dict[str, str] = {}
    properties: dict[str, str] = {}
    mini_batch_size: int | None = Field(default=None, alias="miniBatchSize", ge=1)
    error_threshold: int | None = Field(default=None, alias="errorThreshold", ge=-1)
    max_concurrency: int | None = Field(default=None, alias="maxConcurrencyPerInstance", ge=1)
    retry: Retry = Field(default=Retry(), alias="retrySettings")
    output_file_name: str | None = Field(default=None, alias="outputFileName")
    logging_level: Literal["Info", "Warning", "Debug"] | None = Field(
        default=None, alias="loggingLevel"
    )
    partition_keys: list[str] | None = Field(default=None, alias="partitionKeys")
    status: Any = None
    provisioning_state: Any = Field(default=None, alias="provisioningState")
    interaction_endpoints: Any = Field(default=None, alias="interactionEndpoints")
    output: Any = None

    @field_validator("inputs", "outputs", "tags", "properties", "compute", "retry", mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        return {} if value is None else value

    @model_validator(mode="after")
    def _old_dataset(self) -> "BatchJob":
        if self.dataset is not None:
            self.inputs = {"dataset": self.dataset.as_input(), **self.inputs}
        if self.output_dataset is not None and self.output_dataset.datastore_id is not None:
            store = self.output_dataset.datastore_id.rstrip("/").rsplit("/", 1)[-1]
            path = f"{self.output_dataset.path.strip('/')}/{self.output_file_name or 'predictions.csv'}"
            uri = f"azureml://datastores/{store}/paths/{path}"
            self.outputs = {
                "score": Output.model_validate({"jobOutputType": "UriFile", "uri": uri})
            }
        return self


class BatchJobResource(Wire):
    """The whole body of an invocation."""

    properties: BatchJob
    id: Any = None
    name: Any = None
    type: Any = None
    system_data: Any = Field(default=None, alias="systemData")


def parse_invocation(body: Any) -> BatchJob:
    """Return the job a request body asks for; raise the 400 that names each mistake."""
    try:
        return BatchJobResource.model_validate(body).properties
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: ValidationError) -> ServiceError:
    rules = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"] if part not in get_args(DataType))
        unknown = problem["type"] == "extra_forbidden"
        message = f"Unknown key '{field}'." if unknown else problem["msg"]
        attempted = problem["input"] if isinstance(problem["input"], str | int | float) else None
        rules.append(rule_broken(field, message, attempted))
    return invalid_job(rules)
