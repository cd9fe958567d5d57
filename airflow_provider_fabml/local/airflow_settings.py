"""The environment of a private Airflow: a pure function of its folder, port and secrets."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class AirflowSecrets:
    """The keys of one Airflow, made anew for each; never shown."""

    fernet_key: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    api_secret: str = field(repr=False)
    password: str = field(repr=False)


def new_secrets() -> AirflowSecrets:
    """Make them (Fernet: 32 bytes in URL-safe base64, cryptography.io; JWT: HS512, 64 bytes)."""
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return AirflowSecrets(
        fernet_key=fernet,
        jwt_secret=secrets.token_urlsafe(64),
        api_secret=secrets.token_urlsafe(32),
        password=secrets.token_urlsafe(12),
    )


def settings(home: Path, dags: Path, port: int, keys: AirflowSecrets) -> dict[str, str]:
    """Return the ``AIRFLOW_*`` variables of an Airflow in *home* that serves on *port*.

    SQLite with the LocalExecutor is Airflow's own choice for one machine. DAGs start paused, as
    in production, so that a scheduled DAG does nothing until somebody asks it to.
    """
    url = f"http://127.0.0.1:{port}"
    options = {
        "CORE__DAGS_FOLDER": str(dags),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__FERNET_KEY": keys.fernet_key,
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(home)),
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__WORKERS": "1",
        "API__BASE_URL": url,
        "API__SECRET_KEY": keys.api_secret,
        "API_AUTH__JWT_SECRET": keys.jwt_secret,
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        # Airflow 3.3.2 marks a task failed whose trigger fires within one executor heartbeat of
        # its deferral (apache/airflow#66374); local jobs are that quick.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }
    prefixed = {f"AIRFLOW__{name}": value for name, value in options.items()}
    return {"AIRFLOW_HOME": str(home), "NO_PROXY": "127.0.0.1,localhost", **prefixed}


def passwords_file(home: Path) -> Path:
    """Return where the simple auth manager reads the login."""
    return home / "passwords.json"


def connections(by_id: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return ``AIRFLOW_CONN_<ID>`` variables with the connections as JSON (Airflow's own form)."""
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(conn) for name, conn in by_id.items()}


def onelake_connection(
    host: str, account: str, key: str, container: str, *, queue_endpoint: str | None = None
) -> dict[str, Any]:
    """Return the ``onelake`` connection: *host* is the blob endpoint, reached by account key.

    The two rows say what the shortcuts ``Files/datasets`` and ``Files/endpoints`` of the lakehouse
    point to, and which Azure ML datastore is over the same container.
    """
    rows = [
        {
            "shortcut": f"Files/{prefix}",
            "account": account,
            "container": container,
            "prefix": prefix,
            "datastore": f"{container}_blob",
        }
        for prefix in ("datasets", "endpoints")
    ]
    extra = {"auth": "account_key", "mapping": rows, "queue_endpoint": queue_endpoint}
    return {
        "conn_type": "onelake",
        "host": host,
        "login": account,
        "password": key,
        "extra": extra,
    }
