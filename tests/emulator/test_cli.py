"""The command line: what it prints, the ready file, and how it stops."""

from __future__ import annotations

import json
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from airflow_provider_fabml.emulator import EmulatorServer
from airflow_provider_fabml.emulator.cli import _faults, parser

COMMAND = [sys.executable, "-m", "airflow_provider_fabml.emulator", "--port", "0"]


@pytest.fixture
def started(tmp_path):
    """An emulator process and its ready file's content."""
    ready = tmp_path / "ready.json"
    process = subprocess.Popen(
        [*COMMAND, "--ready-file", str(ready), "--state-dir", str(tmp_path / "state")],
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not ready.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process, ready
    if process.poll() is None:
        process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_what_a_shell_needs_and_stops_on_a_signal(started, number):
    """Every export line is there and true; the signal ends it with code 0."""
    process, ready = started
    facts = json.loads(ready.read_text())
    bundle = facts["environment"]["REQUESTS_CA_BUNDLE"]
    health = requests.get(f"{facts['address']}/_emulator/health", verify=bundle, timeout=9)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=10)
    lines = dict(
        line.removeprefix("export ").split("=", 1)
        for line in printed.splitlines()
        if line.startswith("export ")
    )
    exported = {name: shlex.split(value)[0] for name, value in lines.items()}
    connection = json.loads(exported.pop("AIRFLOW_CONN_AZURE_ML_DEFAULT"))
    assert (health.json(), process.returncode) == ({"status": "ok"}, 0)
    assert exported == facts["environment"]
    assert connection == facts["connection"]
    assert printed.splitlines()[0].split()[5] == facts["address"]
    assert "disable_instance_discovery=True" in printed


def test_the_ready_file_is_for_its_owner_alone(started):
    """It holds a secret, so its mode is 0600."""
    assert stat.S_IMODE(started[1].stat().st_mode) == 0o600


def test_the_bundle_has_the_usual_roots_and_the_emulators(started):
    """Other servers stay trusted for a shell that exports the bundle."""
    bundle = Path(json.loads(started[1].read_text())["environment"]["REQUESTS_CA_BUNDLE"])
    assert bundle.read_text().count("BEGIN CERTIFICATE") > 50


def test_a_seed_on_the_command_line_spoils_answers_from_the_start():
    """The program is the one that was asked for, before the first request."""
    with EmulatorServer(faults=_faults(parser().parse_args(["--fault-seed", "9"]))) as emulator:
        program = emulator.control.fault_program()
    assert (program["seed"], program["rate"]) == (9, 0.2)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--workspace", "/nowhere.yaml"], "/nowhere.yaml cannot be read"),
        (["--storage-url", "http://127.0.0.1:1/a"], "--storage-key"),
        (["--fault-seed", "1", "--fault-rate", "2"], "rate=2.0"),
    ],
)
def test_a_mistake_ends_it_with_a_clear_text(options, told):
    """Code 2 and one message, no traceback."""
    ended = subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=20, check=False
    )
    assert (ended.returncode, told in ended.stdout) == (2, True)
    assert "Traceback" not in ended.stderr
