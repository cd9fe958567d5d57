"""The storage sensor as tests use it: quick, in every mode, on a container that a shortcut shows."""

from __future__ import annotations

from airflow_provider_fabml.local.azurite import Azurite
from airflow_provider_fabml.sensors.onelake import OneLakeShortcutSensor

MODES = {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferrable": {"deferrable": True},
}


class QuickSensor(OneLakeShortcutSensor):
    """Looks again in the triggerer without the wait that a real scheduler needs."""

    first_wait = 0.2


def lake_connection(server: Azurite, container: str, **extra) -> dict:
    """An ``onelake`` connection that maps the shortcut ``Files/datasets`` to the container."""
    row = {
        "shortcut": "Files/datasets",
        "account": server.account,
        "container": container,
        "prefix": "datasets",
        "datastore": "trusted_blob",
    }
    return {
        "onelake_default": {
            "conn_type": "onelake",
            "host": server.blob_url,
            "login": server.account,
            "password": server.key,
            "extra": {"mapping": [row], **extra},
        }
    }


def sensor(
    path: str = "Files/datasets/uci", *, kind: type[QuickSensor] = QuickSensor, **arguments
) -> QuickSensor:
    """A sensor that looks often."""
    settings = {"poke_interval": 0.3, "timeout": 20, **arguments}
    return kind(task_id="wait", path=path, **settings)
