"""The real service's recorded exchanges, replayed against the emulator.

Status, keys, JSON types and values have to be the recording's; what may differ stands in
EXCLUDED, each row with its reason.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_fabml.emulator import EmulatorServer, StorageAccount
from airflow_provider_fabml.emulator.tokens import ARM_AUDIENCE, ML_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.shared

GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
EXCLUDED = {
    # pattern of a value's path: why its value (never its type) may differ
    r"\.(createdAt|lastModifiedAt|createdUtc|lastModifiedUtc|startTimeUtc|endTimeUtc)$": "a time",
    r"\.(duration|computeDuration|runNumber)$": "derived from times",
    r"\[Time\]\.info\.value$": "a time",
    r"\.(operation|request)$": "a trace id",
    r"\.(displayName|properties\.name)$": "a display name that the service makes up",
    r"\.(userObjectId|userTenantId|experimentId)$": "ids of the recorded directory",
    r"\.(azureml\.pipelineid|azureml\.sourcepipelinerunid|azureml\.nodeid|savedId)$": "random ids",
    r"\.(AzureAsyncOperationUri|azureml\.onlineendpointid)$": "spelt differently in each year",
    r"\.(scoringUri)$": "path style here: names below localhost do not resolve everywhere",
    r"\.(codeId|ComponentDeployment\.ComponentId)$": "ids of assets that the emulator has not",
    r"\.sasToken$": "a secret",
}
"""Everything the comparison leaves out, in one place."""
HEADERS = [
    "azureml-model-deployment",
    "content-type",
    "location",
    "azure-asyncoperation",
    "x-ms-async-operation-timeout",
]
"""Headers a client reads; the rate-limit and timing ones say nothing about behaviour."""
SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
DO_NOTHING = """
def init(): pass
def run(mini_batch): return [{"result": "Hello World"} for _ in mini_batch]
"""


class Recording:
    """One file of recorded exchanges."""

    def __init__(self, path: Path) -> None:
        self.exchanges = json.loads(path.read_text(encoding="utf-8"))["exchanges"]

    def find(self, method: str, part: str, nth: int = 0) -> dict[str, Any]:
        """Return the nth exchange of a method whose URI contains ``part``."""
        found = [
            e
            for e in self.exchanges
            if e["request"]["method"] == method and part in e["request"]["uri"]
        ]
        return found[nth]


@pytest.fixture
def recorded(shared_dir: Path):
    """Open a recording by its name."""
    return lambda name: Recording(shared_dir / "specs" / "recorded" / f"{name}.json")


def served(script: Path, **changes: Any) -> dict[str, Any]:
    """Return the workspace of the recordings, with the endpoints they name."""
    script.write_text(DO_NOTHING, encoding="utf-8")
    model = {
        "kind": "model",
        "scoring_script": str(script),
        "model_name": "model-1",
        "model_version": "5",
    }
    component = {
        "kind": "pipeline_component",
        "name": "batch-dpm-fc52a4af587645d",
        "description": "A sample deployment with pre and post processing done before and after "
        "inference.",
        "inputs": {"input_1": {"type": "uri_folder"}, "input_2": {"type": "uri_folder"}},
        "steps": [{"name": "one", "command": "python --version"}],
    }
    workspace = {
        "subscription_id": SUBSCRIPTION,
        "resource_group": "00000",
        "name": "00000",
        "location": "centraluseuap",
        "principals": [{"client_id": "app", "secret": "s"}],
        "datastores": [
            {
                "name": "workspaceblobstore",
                "container": "azureml-blobstore-b0f1ba9e-8ee1-4137-b14e-89f18df895c7",
                "default": True,
                "account_name": "Sanitized",
                "service_identity": "WorkspaceSystemAssignedIdentity",
            },
            {
                "name": "workspaceartifactstore",
                "container": "azureml",
                "account_name": "Sanitized",
            },
        ],
        "endpoints": [
            {
                "name": "batch-ept-c4e0029f383b4fa",
                "description": "my sample batch endpoint",
                "properties": {"BatchEndpointCreationApiVersion": "2022-05-01"},
                "identity": {
                    "type": "UserAssigned",
                    "principalId": "0000000-0000-0000-0000-000000000000",
                    "tenantId": "e485c4d1-bbc8-41c4-89f0-b759794e141e",
                    "userAssignedIdentities": {},
                },
                "deployments": [{**model, "name": "batch-dpm-a47c6993a20d475"}],
            },
            {
                "name": "batch-ept-bf19931a4dbf429",
                "deployments": [
                    {
                        **model,
                        "name": "batch-dpm-d57740f247fb48c",
                        "max_concurrency_per_instance": 2,
                    }
                ],
            },
            {"name": "batch-ept-fe70bebde1f14da", "deployments": [component]},
        ],
    }
    return workspace | changes


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start emulators that are stopped at the end."""
    running: list[EmulatorServer] = []

    def begin(
        vintage: str, *, clock: str = "manual", storage: Any = None, **changes: Any
    ) -> EmulatorServer:
        emulator = EmulatorServer(
            served(tmp_path / "do_nothing.py", **changes),
            switches={"vintage": vintage},
            clock=clock,
            storage=storage,
        )
        running.append(emulator.start())
        return emulator

    yield begin
    for emulator in running:
        emulator.stop()


def replay(
    emulator: EmulatorServer, request: dict[str, Any], ids: dict[str, str] | None = None
) -> requests.Response:
    """Send a recorded request to the emulator; ``ids`` maps recorded ids to today's."""
    parts = urlsplit(request["uri"])
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    scoring = parts.netloc.endswith("inference.ml.azure.com")
    if scoring:
        path = f"/endpoints/{parts.netloc.split('.')[0]}/jobs"
    audience = ML_AUDIENCE if scoring else ARM_AUDIENCE
    body = None if request["body"] is None else json.dumps(request["body"])
    for old, new in (ids or {}).items():
        path, body = path.replace(old, new), body and body.replace(old, new)
    token = emulator.service.issuer.mint(emulator.workspace.principals[0], audience)
    headers = {**request["headers"], "Authorization": f"Bearer {token}"}
    return requests.request(
        request["method"], emulator.url + path, data=body, headers=headers,
        verify=str(emulator.ca_bundle), timeout=30,
    )  # fmt: skip


def differences(recorded: Any, answered: Any, path: str = "") -> list[str]:
    """Return every place where keys, types or (unless excluded) values differ."""
    if type(recorded) is not type(answered):
        return [f"{path}: {recorded!r} was recorded, {answered!r} answered"]
    if isinstance(recorded, dict):
        found = [f"{path}.{key}: not answered" for key in recorded.keys() - answered.keys()]
        found += [f"{path}.{key}: not recorded" for key in answered.keys() - recorded.keys()]
        for key in recorded.keys() & answered.keys():
            found += differences(recorded[key], answered[key], f"{path}.{key}")
        return found
    if isinstance(recorded, list):
        found = [] if len(recorded) == len(answered) else [f"{path}: another length"]
        for index, (old, new) in enumerate(zip(recorded, answered, strict=False)):
            name = old.get("type", index) if isinstance(old, dict) else index
            found += differences(old, new, f"{path}[{name}]")
        return found
    if recorded == answered or any(re.search(pattern, path) for pattern in EXCLUDED):
        return []
    return [f"{path}: {recorded!r} was recorded, {answered!r} answered"]


def normal(value: Any, ids: dict[str, str], emulator: EmulatorServer | None = None) -> Any:
    """Return ``value`` with recorded ids, hosts and sanitized names made comparable."""
    text = json.dumps(value)
    for old, new in ids.items():
        text = text.replace(new, old)
    if emulator is not None:
        text = text.replace(emulator.url, "https://management.azure.com")
    text = re.sub(r"[a-z0-9]+\.api\.azureml(-test)?\.ms", "REGION.api.azureml.ms", text)
    return json.loads(text.replace("00000-ws", "00000"))


def check(
    exchange: dict[str, Any], emulator: EmulatorServer, ids: dict[str, str] | None = None
) -> requests.Response:
    """Replay one exchange and compare status, body and the headers a client reads."""
    answer = replay(emulator, exchange["request"], ids)
    recorded, ids = exchange["response"], ids or {}
    assert answer.status_code == recorded["status"], answer.text
    if "name" in (body := answer.json()) and isinstance(recorded["body"].get("name"), str):
        ids = {recorded["body"]["name"]: body["name"]} | ids
    expected, found = normal(recorded["body"], {}), normal(body, ids, emulator)
    assert not (different := differences(expected, found)), "\n".join(different)
    for name in HEADERS:
        told = {k.lower(): v for k, v in recorded["headers"].items()}.get(name)
        if told is not None:
            expected, found = normal(told, {}), normal(answer.headers.get(name), ids, emulator)
            assert _without_operation(found) == _without_operation(expected), name
    return answer


def _without_operation(text: Any) -> Any:
    return re.sub(r"bebes:[^?]*", "bebes:OPERATION", text) if isinstance(text, str) else text


def test_an_endpoint_is_answered_as_recorded(recorded, start):
    """GET of a batch endpoint equals the recording of 2023-03."""
    exchange = recorded("batch_endpoint_get_2023-03").exchanges[0]
    check(exchange, start("2023-03"))


def test_deployments_are_answered_as_recorded(recorded, start):
    """The list of deployments equals the recording of 2023-03."""
    check(recorded("batch_deployments_list_2023-03").exchanges[0], start("2023-03"))


def test_an_endpoint_is_made_and_missed_as_recorded(recorded, start):
    """PUT answers 201 with an operation; after its end a GET is the recorded 404."""
    recording = recorded("batch_endpoint_put_get404_2023-12")
    made, polled, missed = recording.exchanges
    emulator = start(
        "2023-04", name="00000-ws", location="eastus", created_by="Nemanja Rajic", endpoints=[]
    )
    answer = check(made, emulator)
    operation = answer.headers["Azure-AsyncOperation"].rsplit("/", 1)[1].partition("?")[0]
    old = polled["request"]["uri"].rsplit("/", 1)[1].partition("?")[0]
    check(polled, emulator, {old: operation})
    replay(emulator, {**made["request"], "method": "DELETE", "body": None})
    check(missed, emulator)


@pytest.mark.parametrize("vintage", ["2023-03", "2023-04"])
def test_a_model_invocation_is_answered_as_recorded(recorded, start, vintage):
    """An invocation without outputs answers as recorded in each vintage."""
    exchange = recorded(f"invoke_model_default_output_{vintage}").exchanges[0]
    by = exchange["response"]["body"]["systemData"]["createdBy"]
    check(exchange, start(vintage, created_by=by))


def test_a_component_invocation_is_answered_as_recorded(recorded, start):
    """A pipeline component deployment and its invocation answer as recorded."""
    recording = recorded("invoke_pipeline_component_2022-12")
    emulator = start("2022-12", created_by="Nancy Mejia Juarez")
    for exchange in recording.exchanges:
        check(exchange, emulator)


def test_a_job_is_answered_as_recorded_while_it_runs(recorded, start):
    """GET of a job shows Preparing, then Running, in the recorded body."""
    invoked = recorded("invoke_model_default_output_2023-03").exchanges[0]
    preparing, running = recorded("job_get_running_2023-03").exchanges
    emulator = start("2023-03")
    name = replay(emulator, invoked["request"]).json()["name"]
    ids = {invoked["response"]["body"]["name"]: name}
    check(preparing, emulator, ids)
    emulator.control.set_state(name, "Running")
    check(running, emulator, ids)


def test_datastores_are_answered_as_recorded(recorded, start):
    """Default datastore, one datastore and its expiring secret equal the recording."""
    account = StorageAccount(url="http://127.0.0.1:9/sanitized", key="c2VjcmV0")
    emulator = start("2023-04", storage=account, subscription_id=f"{SUBSCRIPTION}000")
    for exchange in recorded("datastores_2026-02").exchanges:
        check(exchange, emulator)


@pytest.mark.azurite
def test_run_history_is_answered_as_recorded(recorded, start, azurite, azurite_container):
    """Children and run data of a finished job, and its output file, equal the recording."""
    from azure.storage.blob import BlobServiceClient

    recording = recorded("history_children_and_rundata_batchscoring_2022-11")
    container = "azureml-blobstore-ee8c8c7b-8359-4874-b140-2a13f80fdccd"
    default = {"name": "workspaceblobstore", "container": container, "default": True}
    data = {"name": "data", "container": azurite_container}
    emulator = start(
        "2022-12", clock="immediate", storage=azurite,
        created_by="Nancy Mejia Juarez", datastores=[default, data],
    )  # fmt: skip
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        blobs.get_blob_client(azurite_container, "in/iris.csv").upload_blob(b"1,2\n")
        ids = _run_recorded_job(emulator, recording)
        check(recording.find("GET", "/children"), emulator, ids)
        check(recording.find("POST", "/rundata"), emulator, ids)
        file = recording.find("GET", "predictions.csv")
        path = f"azureml/{ids['92a3c31d-f2de-44f9-b559-726ee2adb848']}/score/predictions.csv"
        found = blobs.get_blob_client(container, path).download_blob().readall()
        assert found.decode() == file["response"]["body"]


def _run_recorded_job(emulator: EmulatorServer, recording: Recording) -> dict[str, str]:
    """Run a job to its end; return the recorded parent and child ids beside today's."""
    uri = "azureml://datastores/data/paths/in"
    request = {
        "method": "POST",
        "uri": "https://batch-ept-c4e0029f383b4fa.westus2-main.inference.ml.azure.com/jobs",
        "headers": {"azureml-model-deployment": "batch-dpm-a47c6993a20d475"},
        "body": {"properties": {"inputData": {"i": {"jobInputType": "UriFolder", "uri": uri}}}},
    }
    name = replay(emulator, request).json()["name"]
    assert emulator.control.wait(name) == "Completed"
    child = recording.find("GET", "/children")["response"]["body"]["value"][0]
    return {
        child["rootRunId"]: name,
        child["runId"]: emulator.control.job(name)["children"][0]["run_id"],
    }


def test_the_comparison_sees_a_missing_key_another_type_and_another_value():
    """The judge itself: each kind of difference is told, an excluded value is not."""
    recorded = {"a": 1, "b": {"c": None}, "status": "Preparing", "createdAt": "2022"}
    answered = {"b": {"c": "x"}, "status": "Running", "createdAt": "2026", "new": 1}
    assert len(differences(recorded, answered)) == 4
    assert not differences(recorded, {**recorded, "createdAt": "2026"})
