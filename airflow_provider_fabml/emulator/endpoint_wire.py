"""Bodies that make or change a batch endpoint (recording ``batch_endpoint_put_get404_2023-12``)."""

from typing import Any

from pydantic import Field, ValidationError

from airflow_provider_fabml.emulator.errors import invalid_job, rule_broken, user_error
from airflow_provider_fabml.emulator.wire import Wire
from airflow_provider_fabml.emulator.workspace import Endpoint


class Defaults(Wire):
    """The default deployment."""

    deployment_name: str | None = Field(default=None, alias="deploymentName")


class EndpointProperties(Wire):
    """``properties`` of an endpoint; read-only members are taken and ignored."""

    auth_mode: str = Field(default="AADToken", alias="authMode")
    description: str | None = None
    properties: dict[str, str] | None = None
    defaults: Defaults | None = None
    keys: Any = None
    scoring_uri: Any = Field(default=None, alias="scoringUri")
    swagger_uri: Any = Field(default=None, alias="swaggerUri")
    provisioning_state: Any = Field(default=None, alias="provisioningState")


class EndpointBody(Wire):
    """An endpoint as ARM takes it."""

    properties: EndpointProperties = EndpointProperties()
    tags: dict[str, str] | None = None
    location: str | None = None
    identity: dict[str, Any] | None = None
    kind: str | None = None
    sku: Any = None


def parse_endpoint(
    name: str, body: Any, existing: Endpoint | None, api_version: str | None
) -> Endpoint:
    """Return the endpoint a PUT asks for, keeping the deployments of an existing one."""
    asked = _parsed(body)
    if asked.properties.auth_mode.lower() != "aadtoken":
        raise user_error(400, "Batch endpoints know authMode 'AADToken' only.", "BadArgument")
    defaults = asked.properties.defaults
    properties = _own_properties(asked.properties.properties or {})
    if api_version is not None:
        properties["BatchEndpointCreationApiVersion"] = api_version
    try:
        return Endpoint(
            name=name,
            description=asked.properties.description,
            default_deployment=defaults.deployment_name if defaults else None,
            tags=asked.tags or {},
            properties=properties,
            identity=asked.identity,
            deployments=existing.deployments if existing else [],
        )
    except ValidationError as error:
        raise user_error(400, str(error.errors()[0]["msg"]), "BadArgument") from None


def parse_endpoint_patch(body: Any, found: Endpoint) -> Endpoint:
    """Return ``found`` with the changes of a PATCH."""
    asked = _parsed(body)
    update: dict[str, Any] = {}
    if asked.tags is not None:
        update["tags"] = asked.tags
    if asked.properties.description is not None:
        update["description"] = asked.properties.description
    if asked.properties.defaults is not None:
        name = asked.properties.defaults.deployment_name
        if name is not None and found.deployment(name) is None:
            raise user_error(400, f"There is no deployment '{name}'.", "BadArgument")
        update["default_deployment"] = name
    return found.model_copy(update=update)


def _own_properties(properties: dict[str, str]) -> dict[str, str]:
    """Leave out what the service adds itself (a GET's body may be PUT back)."""
    added = {
        "BatchEndpointCreationApiVersion",
        "azureml.onlineendpointid",
        "AzureAsyncOperationUri",
    }
    return {name: value for name, value in properties.items() if name not in added}


def _parsed(body: Any) -> EndpointBody:
    known = {"id", "name", "type", "systemData"}
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in known}
    try:
        return EndpointBody.model_validate(body)
    except ValidationError as error:
        rules = [
            rule_broken(".".join(map(str, problem["loc"])), problem["msg"], None)
            for problem in error.errors()
        ]
        raise invalid_job(rules) from None
