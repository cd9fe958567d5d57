"""``down`` ends exactly what ``up`` recorded."""

from __future__ import annotations

import stat
import subprocess
import sys

import psutil
import pytest

from airflow_provider_fabml.local.process import Child
from airflow_provider_fabml.local.state import Recorded, State, load, record, save


@pytest.fixture
def sleeper(tmp_path):
    """A process that sleeps for a minute in a session of its own."""
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = Child("sleeper", argv, log=tmp_path / "log").start()
    yield child
    child.stop()


def test_a_recorded_process_is_ended(sleeper):
    """The very process that was recorded runs, and ends on request."""
    (recorded,) = record([sleeper])
    assert recorded.running
    recorded.end()
    sleeper.wait(5)
    assert not recorded.running


def test_another_process_with_the_same_id_is_left_alone(sleeper):
    """When the id was taken over by somebody else, nothing is signalled."""
    impostor = Recorded("old one", sleeper.pid, psutil.Process(sleeper.pid).create_time() - 100)
    assert not impostor.running
    impostor.end()
    assert sleeper.running


def test_ending_what_is_gone_is_no_error():
    """A process that ended by itself needs nothing."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    recorded = Recorded("gone", done.pid, psutil.Process(done.pid).create_time())
    done.wait()
    recorded.end()
    assert not recorded.running


def test_the_state_file_is_private_and_complete(tmp_path, sleeper):
    """What was saved is loaded again; only the owner may read the password."""
    state = State("http://127.0.0.1:1", "admin", "s3cret-word", record([sleeper]))
    file = tmp_path / "stack.json"
    save(file, state)
    assert load(file) == state
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "s3cret-word" not in repr(state)


def test_no_file_no_state(tmp_path):
    """Without a state file nothing is up."""
    assert load(tmp_path / "stack.json") is None
