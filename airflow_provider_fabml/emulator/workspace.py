"""The workspace file: what the emulator serves, as pydantic models (documented in README.md)."""

import uuid
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from airflow_provider_fabml.emulator.fabric import Fabric
from airflow_provider_fabml.emulator.switches import Switches

ResourceName = Annotated[str, Field(pattern=r"^[a-zA-Z][-a-zA-Z0-9]{1,30}[a-zA-Z0-9]$")]
"""An endpoint's or deployment's name: 3 to 32 characters (Azure ML's quota page)."""
ZERO_GUID = "00000000-0000-0000-0000-000000000001"
_NAMESPACE = uuid.UUID("6f5bb5a3-6a2e-5f3c-9f6e-0d4a3c1b2a10")


class Model(BaseModel):
    """Base of the file's parts: a key nobody knows is a mistake, so it is refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class FederatedCredential(Model):
    """A workload identity that may act as a principal."""

    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"
    public_key_file: Path | None = None
    """PEM of the outside issuer; without it the emulator's own key signs the tokens."""


class Principal(Model):
    """A service principal (or managed identity) and what it may do."""

    name: str = "emulator-app"
    client_id: str
    object_id: str = ""
    secret: str | None = Field(default=None, repr=False)
    certificate_files: list[Path] = []
    """PEM certificates whose private key may sign client assertions."""
    federated_credentials: list[FederatedCredential] = []
    managed_identity: Literal["no", "system", "user"] = "no"
    actions: list[str] = ["*"]
    """Allowed actions below Microsoft.MachineLearningServices/workspaces/, with ``*``."""
    not_actions: list[str] = []

    @model_validator(mode="after")
    def _object_id(self) -> "Principal":
        self.object_id = self.object_id or str(uuid.uuid5(_NAMESPACE, self.client_id))
        return self


class Clock(Model):
    """How jobs move: at once, by seconds per state, or by the control API."""

    mode: Literal["immediate", "timed", "manual"] = "immediate"
    seconds: dict[Literal["Preparing", "Queued", "Running", "Finalizing"], float] = {
        "Preparing": 1.0,
        "Queued": 0.5,
        "Running": 0.0,
        "Finalizing": 0.5,
    }
    """Seconds a job stays at least in each state (``timed``); a state left out lasts 0."""


class StorageAccount(Model):
    """The storage server behind the datastores, e.g. Azurite."""

    url: str
    """Blob endpoint with the account, e.g. ``http://127.0.0.1:10000/devstoreaccount1``."""
    key: str = Field(repr=False)
    ca_bundle: Path | None = None

    @property
    def account(self) -> str:
        """Return the account's name: the last path segment, or the host's first label."""
        host, _, path = self.url.split("://", 1)[-1].rstrip("/").partition("/")
        return path.rsplit("/", 1)[-1] or host.split(".", 1)[0]


class Datastore(Model):
    """A datastore; only ``AzureBlob`` ones can be written to (Azure ML documentation)."""

    name: str
    type: Literal["AzureBlob", "AzureDataLakeGen2", "AzureFile"] = "AzureBlob"
    container: str
    default: bool = False
    account_name: str | None = None
    """Shown in answers; the account that is really used is the one under ``storage``."""
    service_identity: str = "None"


class DataAsset(Model):
    """A registered data asset: a name for a path."""

    name: str
    version: str = "1"
    type: Literal["uri_folder", "uri_file", "mltable"] = "uri_folder"
    path: str


class ModelDeployment(Model):
    """A model deployment: a scoring script with ``init()`` and ``run(mini_batch)``.

    Defaults are those of the recording ``batch_deployments_list_2023-03``.
    """

    kind: Literal["model"] = "model"
    name: ResourceName
    description: str | None = None
    scoring_script: Path
    model: Path | None = None
    """File or folder that AZUREML_MODEL_DIR holds; ``{model_dir}`` stands for ``--model-dir``."""
    model_name: str = "model"
    model_version: str = "1"
    environment: str = "azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu:33"
    environment_variables: dict[str, str] = {}
    compute: str = "cpu-cluster"
    mini_batch_size: int = Field(default=10, ge=1)
    error_threshold: int = Field(default=-1, ge=-1)
    max_retries: int = Field(default=3, ge=0)
    timeout_seconds: float = Field(default=30, gt=0)
    max_concurrency_per_instance: int = Field(default=1, ge=1)
    instance_count: int = Field(default=1, ge=1)
    output_action: Literal["append_row", "summary_only"] = "append_row"
    output_file_name: str = "predictions.csv"
    logging_level: Literal["Info", "Warning", "Debug"] = "Info"
    to_csv: dict[str, Any] = {}
    """``append_row."pandas.DataFrame.to_csv"`` of parallel_run_step settings, e.g. {"sep": ","}."""


class ComponentInput(Model):
    """One named input of a pipeline component."""

    type: Literal[
        "uri_folder", "uri_file", "mltable", "mlflow_model", "custom_model", "triton_model",
        "string", "number", "integer", "boolean",
    ]  # fmt: skip
    default: str | float | int | bool | None = None
    optional: bool = False

    @property
    def literal(self) -> bool:
        """Return whether the input takes a value instead of data."""
        return self.type in {"string", "number", "integer", "boolean"}


class ComponentOutput(Model):
    """One named output of a pipeline component."""

    type: Literal["uri_folder", "uri_file"] = "uri_folder"


class Step(Model):
    """One step: a command line whose ``${{inputs.x}}`` and ``${{outputs.y}}`` are filled in."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    command: str
    code: Path | None = None
    """Folder whose files are copied into the step's work folder."""


class PipelineSettings(Model):
    """Settings of a pipeline component deployment."""

    continue_on_step_failure: bool = False
    default_datastore: str | None = None
    force_rerun: bool = False


class PipelineDeployment(Model):
    """A pipeline component deployment: named inputs and outputs, steps in order."""

    kind: Literal["pipeline_component"]
    name: ResourceName
    description: str | None = None
    component_name: str = "azureml_anonymous"
    inputs: dict[str, ComponentInput] = {}
    outputs: dict[str, ComponentOutput] = {}
    settings: PipelineSettings = PipelineSettings()
    steps: list[Step] = Field(min_length=1)


Deployment = Annotated[ModelDeployment | PipelineDeployment, Field(discriminator="kind")]


class Endpoint(Model):
    """A batch endpoint with its deployments."""

    name: ResourceName
    description: str | None = None
    default_deployment: str | None = None
    tags: dict[str, str] = {}
    properties: dict[str, str] = {}
    identity: dict[str, Any] | None = None
    deployments: list[Deployment] = []

    @model_validator(mode="after")
    def _default_exists(self) -> "Endpoint":
        names = [deployment.name for deployment in self.deployments]
        if self.default_deployment is not None and self.default_deployment not in names:
            raise ValueError(
                f"default_deployment {self.default_deployment!r} is none of the endpoint's "
                f"deployments {names}: name one of them or leave it out"
            )
        return self

    def deployment(self, name: str) -> ModelDeployment | PipelineDeployment | None:
        """Return the deployment called ``name``, or None."""
        return next((found for found in self.deployments if found.name == name), None)


class Workspace(Model):
    """Everything one emulator serves."""

    subscription_id: str = "11111111-1111-1111-1111-111111111111"
    resource_group: str = "trusted-ml"
    name: str = "trusted-ml"
    location: str = "westeurope"
    workspace_id: str = "33333333-3333-3333-3333-333333333333"
    tenant_id: str = "22222222-2222-2222-2222-222222222222"
    created_by: str = "Firstname Lastname"
    token_lifetime_seconds: int = Field(default=3599, ge=1)
    nodes: int = Field(default=4, ge=1)
    """How many jobs run at the same time; the others wait in ``Running``'s queue."""
    clock: Clock = Clock()
    switches: Switches = Switches()
    principals: list[Principal] = Field(min_length=1)
    storage: StorageAccount | None = None
    datastores: list[Datastore] = Field(min_length=1)
    data_assets: list[DataAsset] = []
    endpoints: list[Endpoint] = []
    fabric: Fabric = Fabric()

    @model_validator(mode="after")
    def _one_default_datastore(self) -> "Workspace":
        defaults = [store.name for store in self.datastores if store.default]
        if len(defaults) != 1:
            raise ValueError(
                f"datastores with 'default: true' are {defaults}: exactly one is needed"
            )
        return self

    @property
    def path(self) -> str:
        """Return the workspace's ARM id."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )

    @property
    def default_datastore(self) -> Datastore:
        """Return the workspace's default datastore."""
        return next(store for store in self.datastores if store.default)

    def datastore(self, name: str) -> Datastore | None:
        """Return the datastore called ``name``, or None."""
        return next((store for store in self.datastores if store.name == name), None)
