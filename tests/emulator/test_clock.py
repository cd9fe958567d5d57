"""Jobs move on a clock that tests control; cancellation really kills."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from airflow_provider_fabml.emulator import ControlError
from airflow_provider_fabml.emulator.transitions import ORDER, TERMINAL, Outcome, next_state

FOLDER = {"i": {"jobInputType": "UriFolder", "uri": "azureml://datastores/data/paths/in"}}
HANGS = """
    import subprocess, sys, time
    def init(): pass
    def run(mini_batch):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).wait()
"""


def status(client, name: str) -> str:
    """Return the state ARM tells."""
    return client.ask("GET", f"{client.ws}/jobs/{name}").json()["properties"]["status"]


def until(condition, seconds: float = 10) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Return whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("ok", "last"), [(True, "Completed"), (False, "Failed")])
def test_a_job_walks_through_every_state_in_order(ok, last):
    """With an outcome, a job visits the documented states once and stays in the last."""
    seen, state = [ORDER[0]], ORDER[0]
    while (state := next_state(state, Outcome(ok))) is not None:
        seen.append(state)
    assert seen == [*ORDER, last]
    assert all(next_state(final, Outcome(ok)) is None for final in TERMINAL)


def test_a_job_stays_running_while_its_work_goes_on():
    """Without an outcome there is no state after Running."""
    assert next_state("Running", None) is None


@pytest.mark.azurite
def test_a_manual_clock_moves_when_told(score, blobs):
    """Each advance is one state; the work is really done on the way."""
    client = score(clock="manual")
    blobs.put(a="1")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    assert status(client, name) == "Preparing"
    seen = [client.emulator.control.advance_job(name) for _ in range(4)]
    assert seen == ["Queued", "Running", "Finalizing", "Completed"]
    assert status(client, name) == "Completed"


def test_children_appear_after_preparing(serve):
    """Run history has no child before the job was prepared."""
    client = serve(clock="manual")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    path = f"{client.history}/runs/{name}/children"
    assert client.ask("GET", path).json()["value"] == []
    client.emulator.control.advance_job(name)
    assert [run["name"] for run in client.ask("GET", path).json()["value"]] == ["batchscoring"]


@pytest.mark.azurite
def test_a_timed_clock_takes_its_seconds_and_can_be_moved(score, blobs):
    """An hour of Preparing passes when the clock is advanced by an hour."""
    seconds = {"Preparing": 3600, "Queued": 0, "Finalizing": 0}
    client = score(workspace={"clock": {"mode": "timed", "seconds": seconds}})
    blobs.put(a="1")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    client.emulator.control.advance_clock(3590)
    time.sleep(0.1)
    assert status(client, name) == "Preparing"
    client.emulator.control.advance_clock(10)
    assert client.emulator.control.wait(name) == "Completed"


@pytest.mark.parametrize("state", ["NotResponding", "Paused", "Unknown"])
def test_a_state_can_be_shown_for_a_while(serve, state):
    """A forced state is shown until it is lifted."""
    client = serve(clock="manual")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    client.emulator.control.set_state(name, state)
    assert status(client, name) == state
    client.emulator.control.set_state(name, None)
    assert status(client, name) == "Preparing"


def test_a_state_passes_by_itself(serve):
    """``NotResponding`` for 20 seconds; a later state is not lifted by an earlier timer."""
    client = serve(clock="manual")
    control, name = client.emulator.control, client.invoke({"inputData": FOLDER}).json()["name"]
    control.set_state(name, "NotResponding", seconds=20)
    control.advance_clock(19)
    assert status(client, name) == "NotResponding"
    control.advance_clock(2)
    until(lambda: status(client, name) == "Preparing")
    control.set_state(name, "NotResponding", seconds=20)
    control.set_state(name, "Paused")
    control.advance_clock(30)
    time.sleep(0.1)
    assert status(client, name) == "Paused"


def test_a_child_fails_under_a_general_message(serve):
    """The job's own text names the child and no reason; the reason is the child's."""
    client = serve(clock="manual")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    client.emulator.control.set_state(name, "Failed", child_error="exit code 42")
    told = client.run_data(name)["error"]["error"]["message"]
    child = client.ask("GET", f"{client.history}/runs/{name}/children").json()["value"][0]
    assert "Failed nodes: /batchscoring" in told
    assert "42" not in told
    assert (child["status"], child["error"]["error"]["message"]) == ("Failed", "exit code 42")


def test_a_word_nobody_knows_is_shown_on_request(serve):
    """A future state, on both planes and in run history; over HTTP as in Python."""
    client = serve(clock="manual")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    body = {"state": "Scheduled", "unlisted": True}
    client.ask("POST", f"/_emulator/jobs/{name}/state", body)
    data = client.ask("GET", f"/endpoints/scorer/jobs/{name}").json()["properties"]["status"]
    shown = {status(client, name), data, client.run_data(name)["status"]}
    assert shown == {"Scheduled"}


def test_a_job_can_be_ended_with_an_error(serve):
    """A forced Failed has the given error in run history."""
    client = serve(clock="manual")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    client.emulator.control.set_state(name, "Failed", "the cluster is gone")
    assert client.run_data(name)["error"]["error"]["message"] == "the cluster is gone"


def test_a_state_nobody_knows_is_refused(serve):
    """The control API names the states it takes."""
    client = serve(clock="manual")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    with pytest.raises(ControlError, match="'Sleeping' is none of"):
        client.emulator.control.set_state(name, "Sleeping")


@pytest.mark.azurite
def test_cancelling_kills_the_scoring_process_and_its_children(score, blobs):
    """After a cancellation neither the script's process nor one it started is alive."""
    client = score(HANGS)
    blobs.put(a="1")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    control = client.emulator.control
    until(lambda: control.job(name)["processes"] and _children_of(control.job(name)["processes"]))
    pids = control.job(name)["processes"]
    pids += _children_of(pids)
    answer = client.ask("POST", f"{client.ws}/jobs/{name}/cancel?api-version=2023-04-01-preview")
    assert (answer.status_code, answer.json()) == (202, None)
    assert "/mfeOperationResults/jc:" in answer.headers["Location"]
    assert control.wait(name) == "Canceled"
    until(lambda: not any(alive(pid) for pid in pids))


def _children_of(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        path = Path(f"/proc/{pid}/task/{pid}/children")
        if path.exists():
            found += [int(word) for word in path.read_text().split()]
    return found


def test_a_slow_cancellation_is_polled(serve):
    """CancelRequested and 202 until the switch's seconds have passed, then 200, empty."""
    client = serve(clock="manual", switches={"cancel_seconds": 30})
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    answer = client.ask("POST", f"{client.ws}/jobs/{name}/cancel")
    place = answer.headers["Location"].removeprefix(client.emulator.url)
    polled = client.ask("GET", place)
    assert (polled.status_code, polled.json(), status(client, name)) == (202, {}, "CancelRequested")
    client.emulator.control.advance_clock(31)
    assert client.emulator.control.wait(name) == "Canceled"
    polled = client.ask("GET", place)
    assert (polled.status_code, polled.content) == (200, b"")


@pytest.mark.parametrize(("position", "expected"), [("ok", 202), ("conflict", 409)])
def test_cancelling_a_finished_job(serve, position, expected):
    """By the switch it is accepted without effect, or a conflict."""
    client = serve(clock="manual", switches={"cancel_finished_job": position})
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    client.emulator.control.set_state(name, "Completed")
    assert client.ask("POST", f"{client.ws}/jobs/{name}/cancel").status_code == expected
    assert status(client, name) == "Completed"


@pytest.mark.azurite
def test_stopping_the_emulator_leaves_no_process(score, blobs):
    """A job that hangs dies with the emulator."""
    client = score(HANGS)
    blobs.put(a="1")
    name = client.invoke({"inputData": FOLDER}).json()["name"]
    until(lambda: client.emulator.control.job(name)["processes"])
    pids = client.emulator.control.job(name)["processes"]
    client.emulator.stop()
    until(lambda: not any(alive(pid) for pid in pids))
