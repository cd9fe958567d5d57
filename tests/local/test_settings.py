"""The settings of the private Airflow, and the connections it gets."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import yaml

from airflow_provider_fabml.local.airflow_settings import (
    connections,
    new_secrets,
    onelake_connection,
    settings,
)
from airflow_provider_fabml.local.breast_cancer.workspace import new_principal, write_workspace
from airflow_provider_fabml.local.emulator import Ready, read_ready


def test_every_start_has_its_own_secrets():
    """Two sets share nothing, and none of it shows in a repr."""
    one, two = new_secrets(), new_secrets()
    for name in ("fernet_key", "jwt_secret", "api_secret", "password"):
        assert getattr(one, name) != getattr(two, name)
        assert getattr(one, name) not in repr(one)
    assert len(base64.urlsafe_b64decode(one.fernet_key)) == 32


def test_airflow_stays_on_loopback_and_in_its_folder():
    """It listens on 127.0.0.1 and writes below its home."""
    env = settings(Path("/h"), Path("/d"), 1234, new_secrets())
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:1234/execution/"
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "sqlite:////h/airflow.db"
    assert env["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] == "/h/logs"
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS" not in env


def test_airflow_knows_every_setting():
    """No setting is misspelt: Airflow's own configuration has an option of that name."""
    from airflow.configuration import conf

    for name in settings(Path("/h"), Path("/d"), 1, new_secrets()):
        if name.startswith("AIRFLOW__"):
            section, option = name.removeprefix("AIRFLOW__").lower().split("__", 1)
            assert option in conf.configuration_description[section]["options"], name


def test_connections_are_read_back_by_airflow(monkeypatch):
    """Airflow parses the environment variables into the connections we meant."""
    from airflow.sdk import Connection

    lake = onelake_connection("http://127.0.0.1:1/lake", "lake", "a2V5", "trusted")
    (name, text), *_ = connections({"onelake_default": lake}).items()
    assert name == "AIRFLOW_CONN_ONELAKE_DEFAULT"
    read = Connection.from_json(text, conn_id="onelake_default")
    assert (read.conn_type, read.login, read.password) == ("onelake", "lake", "a2V5")
    rows = read.extra_dejson["mapping"]
    assert [row["shortcut"] for row in rows] == ["Files/datasets", "Files/endpoints"]
    assert {row["datastore"] for row in rows} == {"trusted_blob"}


def test_the_workspace_file_is_private(tmp_path):
    """It holds the client secret and the storage key, so only its owner may read it."""
    who = new_principal()
    file = write_workspace(tmp_path / "w.yaml", "http://127.0.0.1:1/lake", "a2V5", who)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert yaml.safe_load(file.read_text())["principals"] == [who._asdict()]
    assert who.secret not in repr(who)


def test_a_half_written_ready_file_is_not_ready(tmp_path):
    """Nothing is concluded from an absent or partial file; secrets do not show."""
    file = tmp_path / "ready.json"
    assert read_ready(file) is None
    file.write_text('{"address": "https://127')
    assert read_ready(file) is None
    said = {"address": "https://x", "environment": {"S": "hush"}, "connection": {"p": "hush"}}
    file.write_text(json.dumps(said))
    assert read_ready(file) == Ready("https://x", {"S": "hush"}, {"p": "hush"})
    assert "hush" not in repr(read_ready(file))
