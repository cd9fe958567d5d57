"""What an invocation may ask for, and what comes back under each switch."""

from __future__ import annotations

import json

import pytest

FOLDER = {"i": {"jobInputType": "UriFolder", "uri": "azureml://datastores/data/paths/in"}}
FILE_OUT = "azureml://datastores/data/paths/out/p.csv"
COMPONENT = {
    "name": "flow",
    "default_deployment": "steps",
    "deployments": [
        {
            "kind": "pipeline_component",
            "name": "steps",
            "inputs": {
                "data": {"type": "uri_folder"},
                "mode": {"type": "string", "default": "append"},
                "extra": {"type": "uri_file", "optional": True},
            },
            "outputs": {"scores": {"type": "uri_folder"}},
            "steps": [{"name": "one", "command": "python --version"}],
        }
    ],
}
DATA = {"data": {"jobInputType": "UriFolder", "uri": "azureml://datastores/data/paths/in"}}
CONTINUE = "ComponentDeployment.Settings.continue_on_step_failure"


@pytest.fixture
def client(serve):
    """A workspace whose jobs stay where they are, with a component endpoint beside the scorer."""
    return serve(clock="manual", also=[COMPONENT])


def output(kind: str = "UriFile", uri: str = FILE_OUT) -> dict:
    """Return one output."""
    return {"o": {"jobOutputType": kind, "uri": uri}}


@pytest.mark.parametrize(
    ("job", "named"),
    [
        ({"inputDatas": FOLDER}, "inputDatas"),
        ({"inputData": {"i": {**FOLDER["i"], "url": "x"}}}, "inputData.i.url"),
        ({"inputData": FOLDER, "compute": {"nodes": 2}}, "compute.nodes"),
        ({"inputData": FOLDER, "retrySettings": {"tries": 1}}, "retrySettings.tries"),
        ({"inputData": FOLDER, "displayName": "x"}, "displayName"),
        ({"inputData": FOLDER, "outputData": {"o": {**output()["o"], "x": 1}}}, "outputData.o.x"),
    ],
)
def test_an_unknown_key_is_refused_by_name(client, job, named):
    """A key the specification has not is a 400 that names it with its path."""
    answer = client.invoke(job)
    assert answer.status_code == 400
    assert f"Unknown key 'properties.{named}'" in answer.json()["error"]["message"]


def test_an_unknown_key_beside_properties_is_refused(client):
    """The envelope has known keys too."""
    answer = client.ask("POST", "/endpoints/scorer/jobs", {"properties": {}, "tags": {}})
    assert (answer.status_code, "Unknown key 'tags'" in answer.text) == (400, True)


def test_keys_are_matched_without_case(client):
    """PascalCase as on Microsoft's REST pages, a comma too many included, is taken."""
    body = (
        '{"properties": {"InputData": {"i": {"JobInputType": "UriFolder", '
        '"Uri": "azureml://datastores/data/paths/in",}}, "MiniBatchSize": 3,}}'
    )
    assert client.ask("POST", "/endpoints/scorer/jobs", body).status_code == 201


@pytest.mark.parametrize(
    ("job", "text"),
    [
        ({"inputData": {}}, "exactly one data input"),
        ({"inputData": FOLDER | {"j": FOLDER["i"]}}, "exactly one data input"),
        (
            {"inputData": FOLDER | {"l": {"jobInputType": "Literal", "value": "x"}}},
            "takes no Literal input",
        ),
        (
            {"inputData": {"i": {**FOLDER["i"], "jobInputType": "MLTable"}}},
            "takes no MLTable input",
        ),
        (
            {"inputData": FOLDER, "outputData": output("UriFolder")},
            "Job output type must be 'uri_file'.",
        ),
        (
            {"inputData": FOLDER, "outputData": output() | {"p": output()["o"]}},
            "exactly one output",
        ),
        (
            {
                "inputData": FOLDER,
                "outputData": output(uri="azureml://datastores/lake/paths/p.csv"),
            },
            "DatastoreTypeNotSupported",
        ),
        (
            {
                "inputData": FOLDER,
                "outputData": output(uri="azureml://datastores/none/paths/p.csv"),
            },
            "Datastore 'none' was not found",
        ),
        (
            {"inputData": FOLDER, "outputData": output(uri="https://x.blob.core.windows.net/c/p")},
            "must be a path on a datastore",
        ),
        ({"inputData": FOLDER, "miniBatchSize": 0}, "greater than or equal to 1"),
        ({"inputData": FOLDER, "retrySettings": {"timeout": "30"}}, "no ISO 8601 duration"),
        ({"inputData": {"i": {"jobInputType": "Literal", "uri": "x"}}}, "has a value and no uri"),
        ({"inputData": {"i": {"jobInputType": "UriFile"}}}, "needs a uri"),
        ({"inputData": FOLDER, "properties": {CONTINUE: "True"}}, "not allowed here"),
    ],
)
def test_a_model_deployments_rules_are_held(client, job, text):
    """Each broken rule is a 400 whose text tells it; no job is made."""
    answer = client.invoke(job)
    assert (answer.status_code, text in answer.json()["error"]["message"]) == (400, True)
    assert client.emulator.control.jobs() == []


def test_a_folder_output_has_the_field_reported_text(client):
    """The text of a folder output for a model deployment is the one users reported."""
    answer = client.invoke({"inputData": FOLDER, "outputData": output("UriFolder")})
    assert answer.json()["error"]["message"] == (
        "The Job request provided has the following validation errors. Please resolve them and "
        'try again.\nErrors:\n[{"PropertyName":"OutputData.Values[0].JobOutputType",'
        '"ErrorMessage":"Job output type must be \'uri_file\'.","AttemptedValue":"uri_folder",'
        '"ErrorCode":"PredicateValidator"}]'
    )


@pytest.mark.parametrize(
    ("job", "text"),
    [
        ({"inputData": {}}, "The input 'data' is required"),
        ({"inputData": DATA | {"other": DATA["data"]}}, "has no input 'other'"),
        ({"inputData": DATA, "outputData": output("UriFolder")}, "has no output 'o'"),
        ({"inputData": DATA | {"mode": DATA["data"]}}, "must be 'Literal'"),
        (
            {"inputData": DATA, "properties": {f"{CONTINUE}s": "True"}},
            "Unknown setting 'continue_on_step_failures'",
        ),
    ],
)
def test_a_components_rules_are_held(client, job, text):
    """Names and types of a component's inputs and outputs are its own."""
    answer = client.invoke(job, endpoint="flow")
    assert (answer.status_code, text in answer.json()["error"]["message"]) == (400, True)


def test_a_component_takes_its_defaults_and_optional_inputs(client):
    """Literals with a default and optional inputs may be left out."""
    assert client.invoke({"inputData": DATA}, endpoint="flow").status_code == 201


@pytest.mark.parametrize(
    ("endpoint", "header", "status", "text"),
    [
        ("none", None, 404, "An endpoint with the name 'none' does not exist"),
        ("scorer", "none", 404, "A deployment with the name 'none' does not exist"),
        ("headless", None, 400, "has no default deployment"),
    ],
)
def test_a_target_that_is_missing_is_refused(client, endpoint, header, status, text):
    """Missing endpoint, missing deployment, no default deployment: one clear error each."""
    headers = {"azureml-model-deployment": header} if header else {}
    answer = client.invoke({"inputData": FOLDER}, endpoint=endpoint, headers=headers)
    assert (answer.status_code, text in answer.json()["error"]["message"]) == (status, True)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/subscriptions/other/", "SubscriptionNotFound"),
        ("/resourceGroups/other/", "ResourceGroupNotFound"),
        ("/workspaces/other", "ResourceNotFound"),
    ],
)
def test_another_workspace_is_not_served(client, path, code):
    """Another subscription, resource group or workspace is ARM's 404 for it."""
    kind = path.split("/")[1]
    parts = client.ws.split("/")
    parts[parts.index(kind) + 1] = "other"
    answer = client.ask("GET", "/".join(parts))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


def test_the_location_of_an_invocation_names_another_host(client):
    """``Location`` is the deployment's address on the region's host, as recorded."""
    location = client.invoke({"inputData": FOLDER}).headers["Location"]
    assert location.startswith("https://westeurope.api.azureml.ms/mferp/")


def made(client, endpoint: str = "scorer", **job):
    """Invoke and return the data-plane answer and ARM's view of the job."""
    inputs = DATA if endpoint == "flow" else FOLDER
    answer = client.invoke({"inputData": inputs, **job}, endpoint=endpoint).json()
    arm = client.ask("GET", f"{client.ws}/jobs/{answer['name']}").json()
    return answer["properties"], arm["properties"]


@pytest.mark.parametrize("stored", [True, False])
def test_tags_and_description_are_kept_by_switch(client, stored):
    """Both come back, or neither."""
    client.emulator.control.set_switches(stores_tags=stored, stores_description=stored)
    data, arm = made(client, tags={"team": "t"}, description="nightly")
    assert ("team" in data["tags"], "team" in arm["tags"]) == (stored, stored)
    assert (data.get("description") == "nightly") is stored
    assert (arm["description"] == "nightly") is stored


@pytest.mark.parametrize(
    ("position", "uri"),
    [
        ("no", None),
        ("yes", FILE_OUT),
        (
            "long_form",
            "azureml://subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/trusted-ml"
            "/workspaces/trusted-ml/datastores/data/paths/out/p.csv",
        ),
    ],
)
def test_the_output_uri_is_kept_by_switch(client, position, uri):
    """In the data plane's answer and in ``azureml.parameters``: absent, as sent, or long."""
    client.emulator.control.set_switches(keeps_output_uri=position)
    data, arm = made(client, outputData=output())
    kept = data.get("outputData", {}).get("score", {}).get("uri")
    parameters = json.loads(arm["properties"]["azureml.parameters"])
    assert (kept, parameters.get("output_uri")) == (uri, uri)
    assert parameters["append_row_file_name"] == "p.csv"


@pytest.mark.parametrize("honoured", [True, False])
def test_a_repeated_request_id_makes_one_job_or_two(client, honoured):
    """By the switch, the same ``repeatability_request-id`` answers with the same job."""
    client.emulator.control.set_switches(honours_request_id=honoured)
    headers = {"repeatability_request-id": "same"}
    names = {client.invoke({"inputData": FOLDER}, headers=headers).json()["name"] for _ in range(2)}
    assert len(names) == (1 if honoured else 2)


@pytest.mark.parametrize("position", ["no", "display_name", "job_name"])
def test_the_requests_name_does_what_the_switch_says(client, position):
    """It is dropped, shown, or becomes the job's name (and then conflicts when repeated)."""
    client.emulator.control.set_switches(honours_name=position)
    answer = client.invoke({"inputData": FOLDER, "name": "mine"}).json()
    assert (answer["properties"]["name"] == "mine") is (position != "no")
    assert (answer["name"] == "mine") is (position == "job_name")
    again = client.invoke({"inputData": FOLDER, "name": "mine"})
    assert again.status_code == (409 if position == "job_name" else 201)


@pytest.mark.parametrize(
    ("position", "status", "told"),
    [("ignored", 201, "False"), ("honoured", 201, "True"), ("refused", 400, None)],
)
def test_pipeline_settings_of_one_invocation(client, position, status, told):
    """They are ignored, honoured and reported in the job's properties, or refused."""
    client.emulator.control.set_switches(pipeline_settings=position)
    job = {"inputData": DATA, "properties": {CONTINUE: "true"}}
    answer = client.invoke(job, endpoint="flow")
    assert answer.status_code == status
    if told is not None:
        properties = answer.json()["properties"]["properties"]
        assert properties["azureml.continue_on_step_failure"] == told


def test_lists_are_paged_in_either_order(client):
    """Five jobs in pages of two: every job once, newest or oldest first, in both lists."""
    names = [client.invoke({"inputData": FOLDER}).json()["name"] for _ in range(5)]
    front = f"/mferp/managementfrontend{client.ws}/batchEndpoints/scorer/jobs"
    for order, expected in (("newest_first", names[::-1]), ("oldest_first", names)):
        client.emulator.control.set_switches(page_size=2, list_order=order)
        for path in (f"{client.ws}/jobs?jobType=Pipeline", front, "/endpoints/scorer/jobs"):
            assert list(pages(client, path)) == expected


def pages(client, path: str):
    """Yield the names of all items of a list, following ``nextLink``."""
    while path:
        body = client.ask("GET", path).json()
        yield from (item["name"] for item in body["value"])
        path = body.get("nextLink", "").removeprefix(client.emulator.url)


def test_arms_list_filters_by_tag_type_and_properties(client):
    """``tag``, ``jobType``, ``properties`` and ``listViewType`` narrow the list."""
    job = client.invoke({"inputData": FOLDER, "tags": {"run": "a"}}).json()["name"]
    client.invoke({"inputData": FOLDER, "tags": {"run": "b"}})

    def found(query: str) -> list[str]:
        return list(pages(client, f"{client.ws}/jobs?{query}"))

    assert found("tag=run=a") == [job]
    assert len(found("tag=run")) == len(found("properties=runType=HTTP")) == 2
    assert found("jobType=Command") == found("listViewType=ArchivedOnly") == []


def test_batch_run_data_answers_each_run_for_itself(client):
    """One request, many runs: known ones succeed, an unknown one fails alone."""
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    asked = {
        "requests": {
            "one": {"runId": name, "selectRunMetadata": True},
            "two": {"runId": "none", "selectRunMetadata": True},
        }
    }
    body = client.ask("POST", f"{client.history}/batchrundata", asked).json()
    assert body["successfulResults"]["one"]["runMetadata"]["status"] == "Preparing"
    assert body["failedResults"]["two"]["error"]["code"] == "UserError"


def test_the_api_before_2022_is_understood(client):
    """``dataset`` and ``outputDataset`` mean one input and one output."""
    url = {"dataInputType": "DataUrl", "path": FOLDER["i"]["uri"]}
    old = {"datastoreId": f"{client.ws}/datastores/data", "path": "out"}
    answer = client.invoke({"dataset": url, "outputDataset": old, "outputFileName": "p.csv"})
    score = answer.json()["properties"]["outputData"]["score"]
    assert score["uri"] == FILE_OUT
