"""Pipeline component deployments run their steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_fabml.emulator.pipeline_job import fill_in

pytestmark = pytest.mark.azurite
IN = "azureml://datastores/data/paths/in"
COPY = (
    "python -c \"import shutil,sys; shutil.copytree(sys.argv[1], sys.argv[2] + '/x')\" "
    "${{inputs.data}} ${{outputs.scores}}"
)
NOTE = (
    "python -c \"import sys,time; open(sys.argv[1] + '/note', 'w').write(sys.argv[2] + str("
    'time.time_ns()))" ${{outputs.notes}} ${{ inputs.mode }}'
)
FAIL = "python -c \"raise SystemExit('scores are off')\" ${{outputs.scores}}"


@pytest.fixture
def flow(score):
    """Start an emulator with one component endpoint."""

    def start(*steps: tuple[str, str], settings=None, **options):
        deployment = {
            "kind": "pipeline_component",
            "name": "steps",
            "inputs": {
                "data": {"type": "uri_folder"},
                "mode": {"type": "string", "default": "append"},
            },
            "outputs": {"scores": {}, "notes": {}},
            "settings": settings or {},
            "steps": [{"name": name, "command": command} for name, command in steps],
        }
        endpoint = {"name": "flow", "default_deployment": "steps", "deployments": [deployment]}
        return score(workspace={"endpoints": [endpoint]}, **options)

    return start


def run(client, *, out: str | None = None, properties=None, **inputs):
    """Run the pipeline to its end; return the truth."""
    job = {"inputData": {"data": {"jobInputType": "UriFolder", "uri": IN}}}
    for name, value in inputs.items():
        job["inputData"][name] = {"jobInputType": "Literal", "value": value}
    if out is not None:
        job["outputData"] = {
            name: {
                "jobOutputType": "UriFolder",
                "uri": f"azureml://datastores/data/paths/{out}/{name}",
            }
            for name in ("scores", "notes")
        }
    name = client.invoke(job | {"properties": properties or {}}, endpoint="flow").json()["name"]
    client.emulator.control.wait(name)
    return client.emulator.control.job(name)


def test_placeholders_are_filled_in_and_never_split():
    """A value with blanks and quotes stays one word; ``python`` is this interpreter."""
    words = fill_in(
        "python s.py ${{inputs.a}} --o=${{ outputs.b }}", {"a": "x y; rm 'z"}, {"b": Path("/o o")}
    )
    assert words[1:] == ["s.py", "x y; rm 'z", "--o=/o o"]


def test_steps_run_with_inputs_literals_and_outputs(flow, blobs):
    """The folder is copied, the literal written, both below the URIs asked for."""
    client = flow(("copy", COPY), ("note", NOTE))
    blobs.put(a="1", b="2")
    truth = run(client, out="o", mode="fast one")
    assert [(child["name"], child["status"]) for child in truth["children"]] == [
        ("copy", "Completed"),
        ("note", "Completed"),
    ]
    assert blobs.text("o/scores/x/b.csv") == "2"
    assert blobs.text("o/notes/note").startswith("fast one")


def test_the_default_place_is_below_the_job(flow, blobs):
    """Without outputs they lie at ``azureml/{job}/{output}`` of the setting's datastore."""
    client = flow(("copy", COPY), settings={"default_datastore": "data"})
    blobs.put(a="1")
    truth = run(client)
    assert blobs.text(f"azureml/{truth['name']}/scores/x/a.csv") == "1"


def test_a_failed_step_stops_the_pipeline(flow, blobs):
    """Later steps do not start; the child has the cause, the parent names the step."""
    client = flow(("break_it", FAIL), ("note", NOTE))
    blobs.put(a="1")
    truth = run(client, out="o")
    assert truth["state"] == "Failed"
    assert "Failed nodes: /break_it." in truth["error"]
    assert truth["children"][0]["error"].endswith("scores are off")
    assert "o/notes/note" not in blobs.names()


@pytest.mark.parametrize("state", ["Failed", "Completed"])
def test_a_pipeline_may_go_on_after_a_failed_step(flow, blobs, state):
    """Steps that do not use the failed one's output run; how the job ends is a switch."""
    client = flow(
        ("break_it", FAIL),
        ("copy", COPY),
        ("note", NOTE),
        settings={"continue_on_step_failure": True},
        switches={"continued_job_state": state},
    )
    blobs.put(a="1")
    truth = run(client, out="o")
    assert truth["state"] == state
    assert [child["status"] for child in truth["children"]][::2] == ["Failed", "Completed"]
    assert [name for name in blobs.names() if name.startswith("o/")] == ["o/notes/note"]


def test_a_setting_of_one_invocation_is_honoured(flow, blobs):
    """``continue_on_step_failure`` sent with the invocation has its effect."""
    client = flow(("break_it", FAIL), ("note", NOTE))
    blobs.put(a="1")
    name = "ComponentDeployment.Settings.continue_on_step_failure"
    assert run(client, out="o", properties={name: "True"})["children"][1]["status"] == "Completed"


@pytest.mark.parametrize("forced", [False, True])
def test_same_inputs_reuse_an_output_unless_forced(flow, blobs, forced):
    """A second run copies the first one's output; forced, it runs again."""
    client = flow(("note", NOTE), ("copy", COPY))
    blobs.put(a="1")
    run(client, out="first")
    force = {"ComponentDeployment.Settings.force_rerun": "True"} if forced else {}
    run(client, out="second", properties=force)
    same = blobs.text("first/notes/note") == blobs.text("second/notes/note")
    assert same is not forced


def test_changed_data_is_never_reused(flow, blobs):
    """Another content of the input means another run."""
    client = flow(("note", NOTE), ("copy", COPY))
    blobs.put(a="1")
    run(client, out="first")
    blobs.put(a="2")
    run(client, out="second")
    assert blobs.text("second/scores/x/a.csv") == "2"
