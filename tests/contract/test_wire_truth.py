"""What we put on the wire equals what the unmodified azure-ai-ml puts there, but for one list."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from contract.wire_rows import ALWAYS, DIFFERENCES, ROWS, TYPES, Row
from support.task_runner import Supervisor, run_task, supervised

from airflow_provider_fabml.emulator import EmulatorServer, load_workspace
from airflow_provider_fabml.emulator.workspace import (
    ComponentInput,
    ComponentOutput,
    DataAsset,
    Endpoint,
)
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:azure.ai.ml"),
    pytest.mark.filterwarnings("ignore:.*:marshmallow.warnings.ChangedInMarshmallow4Warning"),
    pytest.mark.filterwarnings("ignore:.*:marshmallow.warnings.RemovedInMarshmallow4Warning"),
]
BY_NAME = {row.name: row for row in ROWS}
SAME_BEARER = ("aud", "appid", "oid", "tid")


@contextlib.contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorServer]:
    """The demo workspace and a pipeline that takes every type; jobs stand still."""
    demo = load_workspace(None)
    two_steps = next(e for e in demo.endpoints if e.name == "heart-pipeline").deployments[0]
    kinds = [*TYPES.values(), "string", "number", "integer", "boolean"]
    everything = two_steps.model_copy(
        update={
            "inputs": {kind: ComponentInput(type=kind, optional=True) for kind in kinds},
            "outputs": {name: ComponentOutput() for name in ("scores", "log")},
        }
    )
    endpoint = Endpoint(
        name="everything", default_deployment=two_steps.name, deployments=[everything]
    )
    folder = "azureml://datastores/trusted_blob/paths/heart"
    assets = [DataAsset(name="heart-data", version=v, path=folder) for v in ("1", "2", "3")]
    served = demo.model_copy(
        update={"endpoints": [*demo.endpoints, endpoint], "data_assets": assets}
    )
    with EmulatorServer(served, clock="manual") as server:
        yield server


@pytest.fixture(scope="module")
def ml(emulator: EmulatorServer) -> Iterator[Any]:
    """The SDK's own client, pointed here by environment variables only."""
    from azure.ai.ml import MLClient
    from azure.identity import EnvironmentCredential

    served = emulator.workspace
    place = (served.subscription_id, served.resource_group, served.name)
    with environment(emulator.environment()):
        credential = EnvironmentCredential(disable_instance_discovery=True)
        yield MLClient(credential, *place, enable_telemetry=False)


def by_sdk(ml: Any, endpoint: str, keywords: dict[str, Any]) -> Any:
    """Invoke through the SDK, from a clean start: it keeps headers of the call before."""
    from azure.ai.ml import Input, Output
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields

    EndpointInvokeFields.DEFAULT_HEADER.pop("azureml-model-deployment", None)
    made = {"inputs": Input, "outputs": Output}

    def typed(kind: str, value: Any) -> Any:
        return made[kind](**value) if "type" in value else value

    ready = {
        key: {name: typed(key, one) for name, one in value.items()} if key in made else value
        for key, value in keywords.items()
    }
    return ml.batch_endpoints.invoke(endpoint, **ready)


def by_us(emulator: EmulatorServer, row: Row) -> None:
    """Invoke through the hook, or as a task through the operator."""
    connections = {"azure_ml_default": emulator.connection()}
    if not row.operator:
        with supervised(Supervisor(connections, {})):
            AzureMLBatchHook().invoke(row.endpoint, **row.ours)
        return
    operator = AzureMLInvokeBatchEndpointOperator(
        task_id="score", endpoint_name=row.endpoint, wait_for_completion=False, **row.ours
    )
    done = run_task(operator, connections=connections, run_id=f"manual__{uuid.uuid4().hex}")
    assert done.state == "success", done.text


def posted(emulator: EmulatorServer, act: Any) -> dict[str, Any]:
    """The one job-creating POST that `act` sends, as the server received it."""
    before = len(emulator.requests.all())
    act()
    seen = [
        request
        for request in emulator.requests.all()[before:]
        if request.method == "POST" and request.path.endswith("/jobs")
    ]
    assert len(seen) == 1
    bearer = {name: seen[0].authorization.get(name) for name in SAME_BEARER}
    assert all(bearer.values())
    return {
        "path": seen[0].path,
        "query": seen[0].query,
        "headers": seen[0].headers,
        "bearer": bearer,
        "body": json.loads(seen[0].body),
    }


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Leaves of nested dictionaries by dotted path; an empty one is a leaf."""
    if not isinstance(value, dict) or not value:
        return {path: (type(value).__name__, value)}
    leaves: dict[str, Any] = {}
    for name, item in value.items():
        leaves |= flat(item, f"{path}.{name}" if path else str(name))
    return leaves


def differences(ours: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
    """Where two requests differ, in value or in JSON type."""
    mine, other = flat(ours), flat(theirs)
    return {
        path: (mine.get(path), other.get(path))
        for path in sorted(mine.keys() | other.keys())
        if mine.get(path) != other.get(path)
    }


def compare(emulator: EmulatorServer, ml: Any, row: Row) -> dict[str, tuple[Any, Any]]:
    """Send the row twice; give the differences on the wire."""
    ours = posted(emulator, lambda: by_us(emulator, row))
    theirs = posted(emulator, lambda: by_sdk(ml, row.endpoint, row.sdk))
    return differences(ours, theirs)


def test_there_are_rows_enough() -> None:
    """At least 25 invocations, each with a name of its own, some through the operator."""
    assert len(BY_NAME) == len(ROWS) >= 25
    assert sum(row.operator for row in ROWS) >= 5


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_request_equals_the_sdks(emulator: EmulatorServer, ml: Any, row: Row) -> None:
    """Path, headers, bearer and body are equal, but for differences this row states."""
    stated = [d for d in DIFFERENCES if d.name in (*ALWAYS, *row.differs)]
    found = compare(emulator, ml, row)
    unexplained = {
        path: pair for path, pair in found.items() if not any(d.explains(path) for d in stated)
    }
    assert unexplained == {}
    idle = [d.name for d in stated if not any(d.explains(path) for path in found)]
    assert idle == [], "stated, but not seen"


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.name)
def test_each_listed_difference_really_occurs(
    emulator: EmulatorServer, ml: Any, difference: Any
) -> None:
    """No dead excuse: the row a difference names shows it."""
    row = BY_NAME[difference.witness]
    found = compare(emulator, ml, row)
    assert any(difference.explains(path) for path in found), (difference.reason, found)


def test_both_request_ids_are_new_uuids(emulator: EmulatorServer, ml: Any) -> None:
    """The value that always differs has the same form, and is never used twice."""
    row, header = BY_NAME["model folder"], "repeatability_request-id"
    ids = []
    for _ in range(2):
        ids += [
            posted(emulator, lambda: by_us(emulator, row))["headers"][header],
            posted(emulator, lambda: by_sdk(ml, row.endpoint, row.sdk))["headers"][header],
        ]
    assert len(set(ids)) == 4
    assert all(str(uuid.UUID(one, version=4)) == one for one in ids)


@pytest.mark.parametrize("row", [r for r in ROWS if r.refused], ids=lambda row: row.name)
def test_what_the_sdk_refuses_is_really_refused(
    emulator: EmulatorServer, ml: Any, row: Row
) -> None:
    """The SDK has no typed way to say this: it raises, and sends no invocation."""
    from azure.ai.ml.exceptions import MlException
    from marshmallow import ValidationError

    for part in _one_by_one(row.refused or {}):
        before = len(emulator.requests.matching("POST", "/jobs"))
        with pytest.raises((MlException, ValidationError)):
            by_sdk(ml, row.endpoint, part)
        assert len(emulator.requests.matching("POST", "/jobs")) == before


def _one_by_one(keywords: dict[str, Any]) -> list[dict[str, Any]]:
    overrides = keywords.get("params_override")
    return [{"params_override": [one]} for one in overrides] if overrides else [keywords]


def test_the_sdk_leaks_a_deployment_name_and_we_do_not(emulator: EmulatorServer, ml: Any) -> None:
    """Why each comparison starts clean: a header of one invoke goes out with the next."""
    from azure.ai.ml import Input, Output

    header, named, plain = (
        "azureml-model-deployment", BY_NAME["named deployment"], BY_NAME["model folder"],
    )  # fmt: skip
    by_sdk(ml, named.endpoint, named.sdk)
    inputs = {"heart": Input(**plain.sdk["inputs"]["heart"])}
    outputs = {"score": Output(**plain.sdk["outputs"]["score"])}
    theirs = posted(
        emulator,
        lambda: ml.batch_endpoints.invoke(plain.endpoint, inputs=inputs, outputs=outputs),
    )
    by_us(emulator, named)
    ours = posted(emulator, lambda: by_us(emulator, plain))
    assert theirs["headers"].get(header) == "strict-rule"
    assert header not in ours["headers"]
