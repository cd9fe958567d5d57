"""The emulator's bodies against the specifications derived from Microsoft's own clients.

Both specifications are turned into JSON schemas here. Members that are not required may be null:
the recordings, which are validated too, are full of nulls.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jsonschema import Draft202012Validator

from airflow_provider_fabml.emulator import EmulatorServer
from airflow_provider_fabml.emulator.tokens import ARM_AUDIENCE, ML_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.shared
PATHS = "azureml://datastores/trusted_blob/paths"
MODEL_JOB = {
    "inputData": {"heart": {"jobInputType": "UriFolder", "uri": f"{PATHS}/in"}},
    "outputData": {"o": {"jobOutputType": "UriFile", "uri": f"{PATHS}/out/p.csv"}},
    "miniBatchSize": 3,
    "compute": {"instanceCount": 2},
    "tags": {"team": "cardiology"},
    "description": "a nightly run",
    "retrySettings": {"maxRetries": 1, "timeout": "PT30S"},
}
COMPONENT_JOB = {
    "inputData": {
        "heart": {"jobInputType": "UriFolder", "uri": f"{PATHS}/in"},
        "score_mode": {"jobInputType": "Literal", "value": "append"},
    },
    "outputData": {"scores": {"jobOutputType": "UriFolder", "uri": f"{PATHS}/out"}},
}
ENUM = re.compile(r"_models\.(\w+)")
PLAIN = {"str": "string", "bool": "boolean", "int": "integer", "float": "number"}


def data_plane_schema(spec: dict[str, Any], definition: str) -> dict[str, Any]:
    """Return a JSON schema for one definition of the data-plane specification."""
    definitions = {name: _nullable(body) for name, body in spec["definitions"].items()}
    for name, body in spec["definitions"].items():
        if (choice := body.get("discriminator")) and name in {"JobInput", "JobOutputV2"}:
            definitions[name] = _by_discriminator(choice)
    return {"$ref": f"#/definitions/{definition}", "definitions": definitions}


def _by_discriminator(choice: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that follows the discriminator to the definition it names."""
    key, mapping = choice["property"], choice["mapping"]
    return {
        "required": [key],
        "properties": {key: {"enum": list(mapping)}},
        "allOf": [
            {
                "if": {"properties": {key: {"const": value}}},
                "then": {"$ref": f"#/definitions/{name}"},
            }
            for value, name in mapping.items()
        ],
    }


def _nullable(body: dict[str, Any]) -> dict[str, Any]:
    required = body.get("required", [])
    members = {
        name: member if name in required else {"anyOf": [member, {"type": "null"}]}
        for name, member in body.get("properties", {}).items()
    }
    return body | {"properties": members}


def arm_schema(models: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a JSON schema for one model of the ARM specification."""
    definitions = {model: _arm_model(models, model) for model in models}
    return {"$ref": f"#/definitions/{name}", "definitions": definitions}


def _arm_model(models: dict[str, Any], name: str) -> dict[str, Any]:
    model = models[name]
    if "enum" in model:
        return {"enum": model["enum"]}
    fields = {key: field for key, field in model["fields"].items() if not key.startswith("__")}
    members = {key: _arm_type(models, field["t"]) for key, field in fields.items()}
    required = [key for key, field in fields.items() if field["req"]]
    return {"type": "object", "properties": members, "required": required}


def _arm_type(models: dict[str, Any], annotation: str) -> dict[str, Any]:
    """Return a schema for a Python annotation of the derived specification."""
    bare = annotation.removeprefix("Optional[").removesuffix("]")
    if bare in PLAIN:
        found: dict[str, Any] = {"type": PLAIN[bare]}
    elif bare.startswith("dict[str, str"):
        found = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
    elif (named := ENUM.findall(bare)) and named[-1] in models and not bare.startswith("dict"):
        found = {"$ref": f"#/definitions/{named[-1]}"}
    else:
        return {}
    return {"anyOf": [found, {"type": "null"}]} if annotation.startswith("Optional") else found


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorServer]:
    """The demo workspace, with jobs that stay as they are."""
    with EmulatorServer(clock="manual") as server:
        yield server


@pytest.fixture(scope="module")
def specs(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Both specifications."""
    folder: Path = request.getfixturevalue("shared_dir") / "specs"
    names = {"data": "batch-dataplane-2020-09-01", "arm": "arm-subset-2025-12-01"}
    return {k: json.loads((folder / f"{v}.derived.json").read_text()) for k, v in names.items()}


def ask(emulator: EmulatorServer, method: str, path: str, body: Any = None) -> Any:
    """Send a request with the right token and return the JSON answer."""
    data_plane = path.startswith(("/endpoints/", "/mferp/"))
    audience = ML_AUDIENCE if data_plane else ARM_AUDIENCE
    token = emulator.service.issuer.mint(emulator.workspace.principals[0], audience)
    answer = requests.request(
        method, emulator.url + path, json=body, timeout=30, verify=str(emulator.ca_bundle),
        headers={"Authorization": f"Bearer {token}"},
    )  # fmt: skip
    assert answer.status_code < 300, answer.text
    return answer.json()


def mistakes(schema: dict[str, Any], body: Any) -> list[str]:
    """Return what the schema says against a body."""
    return [f"{e.json_path}: {e.message}" for e in Draft202012Validator(schema).iter_errors(body)]


@pytest.mark.parametrize("vintage", ["2022-12", "2023-03", "2023-04"])
@pytest.mark.parametrize(
    ("endpoint", "job"), [("heart-classifier", MODEL_JOB), ("heart-pipeline", COMPONENT_JOB)]
)
def test_data_plane_jobs_keep_to_their_specification(specs, emulator, vintage, endpoint, job):
    """The answer to an invocation, a job and both lists are valid in every vintage."""
    emulator.control.set_switches(vintage=vintage)
    base = f"/mferp/managementfrontend{emulator.workspace.path}/batchEndpoints/{endpoint}/jobs"
    made = ask(emulator, "POST", f"/endpoints/{endpoint}/jobs", {"properties": job})
    found = ask(emulator, "GET", f"/endpoints/{endpoint}/jobs/{made['name']}")
    one = data_plane_schema(specs["data"], "BatchJobResource")
    many = data_plane_schema(specs["data"], "BatchJobResourceArmPaginatedResult")
    assert mistakes(one, made) == mistakes(one, found) == []
    assert mistakes(many, ask(emulator, "GET", base)) == []


@pytest.mark.parametrize(
    ("path", "model", "member", "properties"),
    [
        ("batchEndpoints", "BatchEndpoint", "value", "BatchEndpointProperties"),
        ("batchEndpoints/heart-classifier", "BatchEndpoint", None, "BatchEndpointProperties"),
        (
            "batchEndpoints/heart-classifier/deployments",
            "BatchDeployment",
            "value",
            "BatchDeploymentProperties",
        ),
        (
            "batchEndpoints/heart-pipeline/deployments/two-steps",
            "BatchDeployment",
            None,
            "BatchDeploymentProperties",
        ),
        ("datastores", "Datastore", "value", "AzureBlobDatastore"),
        ("jobs", "JobBase", "value", "PipelineJob"),
    ],
)
def test_arm_resources_keep_to_their_specification(
    specs, emulator, path, model, member, properties
):
    """Every resource, and its properties by type, is valid and has no member nobody specified."""
    ask(emulator, "POST", "/endpoints/heart-classifier/jobs", {"properties": MODEL_JOB})
    body = ask(emulator, "GET", f"{emulator.workspace.path}/{path}")
    models = specs["arm"]["models"]
    resources = body[member] if member else [body]
    assert resources
    for resource in resources:
        assert mistakes(arm_schema(models, model), resource) == []
        assert not resource.keys() - models[model]["fields"].keys()
        # The derived file lost these two members to a parsing slip ("__mapping__").
        known = models[properties]["fields"].keys() | {"credentials"}
        schema = arm_schema(models, properties)
        schema["definitions"][properties]["required"] = []
        assert mistakes(schema, resource["properties"]) == []
        assert not resource["properties"].keys() - known


def test_the_specifications_accept_the_real_service(specs, shared_dir):
    """The recorded answers are valid too, so the schemas are not stricter than the service."""
    schema = data_plane_schema(specs["data"], "BatchJobResource")
    for path in (shared_dir / "specs" / "recorded").glob("invoke_*.json"):
        exchange = json.loads(path.read_text())["exchanges"][-1]
        assert mistakes(schema, exchange["response"]["body"]) == [], path.name


@pytest.mark.parametrize(
    "damage",
    [
        {"status": "Sleeping"},
        {"miniBatchSize": "3"},
        {"surprise": 1},
        {"inputData": {"heart": {"jobInputType": "UriFolder"}}},
    ],
)
def test_the_schema_sees_damage(specs, emulator, damage):
    """The judge itself: a wrong value, type, key or a missing uri is told."""
    made = ask(emulator, "POST", "/endpoints/heart-classifier/jobs", {"properties": MODEL_JOB})
    schema = data_plane_schema(specs["data"], "BatchJobResource")
    assert mistakes(schema, made) == []
    made["properties"] |= damage
    assert mistakes(schema, made)
