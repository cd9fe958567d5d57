"""``up``, ``status`` and ``down``; Ctrl-C and failures of the demo: nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from airflow_provider_fabml.local.azurite import ensure_azurite

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]
DAGS = Path(__file__).resolve().parents[2] / "dags"
LOCAL = [sys.executable, "-m", "airflow_provider_fabml.local"]


@pytest.fixture
def place(node, tmp_path):
    """A ``FABML_HOME`` of the test's own that borrows the installed Azurite."""
    (tmp_path / "azurite").symlink_to(ensure_azurite().parents[4])
    return tmp_path


def _env(place: Path) -> dict[str, str]:
    return os.environ | {"FABML_HOME": str(place)}


def _run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LOCAL, *arguments],
        check=False,
        env=_env(place),
        capture_output=True,
        text=True,
        timeout=240,
    )


def _ours(place: Path) -> list[psutil.Process]:
    """Every process of this machine that works for the stack in *place*."""
    return [
        process
        for process in psutil.process_iter()
        if _environment(process).get("FABML_HOME") == str(place)
    ]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return {}


def test_up_stays_until_down(place):
    """``up`` leaves a stack with a working login, twice is once, and ``down`` ends all of it."""
    try:
        up = _run(place, "up", "--dags", str(DAGS))
        assert up.returncode == 0, up.stdout + up.stderr
        url, user, password = re.search(r"Airflow +(\S+) +login (\S+) / (\S+)", up.stdout).groups()
        login = httpx.post(f"{url}/auth/token", json={"username": user, "password": password})
        assert login.status_code == 201
        before = {process.pid for process in _ours(place)}
        assert len(before) >= 6
        again = _run(place, "up", "--dags", str(DAGS))
        assert "Up already" in again.stdout
        assert set(_health(url)) == {"healthy"}
        assert _run(place, "status").returncode == 0
        psutil.Process(_pid(place, "Airflow triggerer")).kill()
        assert _run(place, "status").returncode == 1
    finally:
        down = _run(place, "down")
    assert down.returncode == 0
    assert _ours(place) == []
    assert _run(place, "down").stdout.startswith("Nothing is up.")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def _health(url: str) -> list[str]:
    parts = httpx.get(f"{url}/api/v2/monitor/health").json()
    return [part["status"] for part in parts.values()]


def _pid(place: Path, name: str) -> int:
    processes = json.loads((place / "stack.json").read_text())["processes"]
    return next(pid for each, pid, _ in processes if each == name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_everything(place, number):
    """Ctrl-C or SIGTERM amid the start ends every process, and the exit code is 130."""
    demo = subprocess.Popen(
        [*LOCAL, "demo", "--dags", str(DAGS)],
        env=_env(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in demo.stdout:
        if "Start Azure ML" in line:
            break
    assert len(_ours(place)) > 2
    demo.send_signal(number)
    said = demo.stdout.read()
    assert demo.wait(60) == 130
    assert "Interrupted." in said
    assert _ours(place) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux")
def test_a_killed_demo_leaves_no_orphan(place):
    """Even SIGKILL of the demo takes its processes along."""
    demo = subprocess.Popen(
        [*LOCAL, "demo", "--dags", str(DAGS)], env=_env(place), stdout=subprocess.PIPE, text=True
    )
    for line in demo.stdout:
        if "Start Azure ML" in line:
            break
    demo.kill()
    demo.wait()
    deadline = time.monotonic() + 30
    while _ours(place) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _ours(place) == []


def test_a_demo_that_fails_says_why(place, tmp_path):
    """A DAG that cannot be imported ends the demo with its traceback and exit code 1."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "score_heart.py").write_text(
        "from airflow.sdk import dag\nraise RuntimeError('no such provider')\n"
    )
    done = _run(place, "demo", "--dags", str(dags))
    assert done.returncode == 1
    assert "no such provider" in done.stdout
    assert "✗" in done.stdout
    assert _ours(place) == []


def test_dags_must_be_there(place, tmp_path):
    """A folder without the DAG is refused before anything is started."""
    done = _run(place, "demo", "--dags", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "holds no score_heart.py. Remedy:" in done.stdout
