"""After a run that used secrets, nothing that was written shows one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]
BEARER = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")


def _secrets(stack) -> dict[str, str]:
    keys = stack.airflow.secrets
    return {
        "storage key": stack.azurite.key,
        "client secret": stack.azure_ml.connection["password"],
        "fernet key": keys.fernet_key,
        "token secret": keys.jwt_secret,
        "session secret": keys.api_secret,
        "password": keys.password,
    }


def _written(stack) -> list[Path]:
    """Logs of tasks and processes, and the metadata database with its write-ahead log."""
    home = stack.airflow.home
    logs = [*home.rglob("*.log"), *stack.folder.rglob("emulator/*.log")]
    logs += stack.folder.rglob("azurite/*.log")
    return [*logs, *home.glob("airflow.db*")]


def test_there_is_something_to_search(running, demo_run):
    """The database holds this run and its XComs, and each task has a log of its own."""
    files = _written(running.stack)
    database = b"".join(file.read_bytes() for file in files if "airflow.db" in file.name)
    assert demo_run.run_id.encode() in database
    assert demo_run.job["job_name"].encode() in database
    logs = [file for file in files if f"run_id={demo_run.run_id}" in str(file)]
    assert {file.parent.name for file in logs} >= {"task_id=landed", "task_id=score"}


def test_no_secret_is_written(running, demo_run):
    """No log, XCom, rendered field, trigger or audit row holds a secret in any spelling."""
    for file in _written(running.stack):
        content = file.read_bytes()
        for name, secret in _secrets(running.stack).items():
            for spelling in {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}:
                assert spelling.encode() not in content, f"{name} in {file}"


def test_no_bearer_token_is_written(running, demo_run):
    """No token, Azure's or Airflow's own, is in a log or the database."""
    found = [file for file in _written(running.stack) if BEARER.search(file.read_bytes())]
    assert found == []


def test_no_secret_is_shown(running, demo_run):
    """The terminal shows none, nor does any repr of the stack's parts."""
    stack = running.stack
    shown = running.shown.getvalue() + repr(
        [stack.azurite, stack.azure_ml, stack.children, stack.state(), stack.airflow.api]
    )
    for name, secret in _secrets(stack).items():
        assert secret not in shown, name


def test_no_command_line_shows_a_secret(running, demo_run):
    """``ps`` shows none to the machine's other users."""
    lines = "\n".join(" ".join(child.argv) for child in running.stack.children)
    for name, secret in _secrets(running.stack).items():
        assert secret not in lines, name


def test_files_with_secrets_are_private(running, demo_run):
    """Whatever holds a secret has mode 0600, in a folder that only its owner may enter."""
    stack = running.stack
    assert stack.folder.stat().st_mode & 0o077 == 0
    secrets = [secret.encode() for secret in _secrets(stack).values()]
    holders = [
        file
        for file in stack.folder.rglob("*")
        if file.is_file() and any(secret in file.read_bytes() for secret in secrets)
    ]
    assert {file.name for file in holders} >= {"passwords.json", "ready.json", "workspace.yaml"}
    assert [file for file in holders if file.stat().st_mode & 0o077] == []
