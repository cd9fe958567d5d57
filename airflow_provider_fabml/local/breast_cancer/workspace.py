"""The emulator's demo workspace with this start's storage and a service principal of its own."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.emulator.loading import DEMO
from airflow_provider_fabml.local.places import write_private

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = "breast-cancer-classifier"
CONTAINER = "trusted"
FOLDER = "datasets/breast-cancer"


class Principal(NamedTuple):
    """The service principal that Airflow signs in as; its secret is not shown."""

    client_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Principal(client_id={self.client_id!r})"


def new_principal() -> Principal:
    """Return one with a new random secret."""
    return Principal(str(uuid.uuid4()), secrets.token_urlsafe(32))


def write_workspace(target: Path, storage_url: str, storage_key: str, who: Principal) -> Path:
    """Write the YAML file (mode 0600: it holds both secrets); return its path.

    :param storage_url: the account's blob endpoint, path style.
    """
    import yaml

    served = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    served["principals"] = [who._asdict()]
    served["storage"] = {"url": storage_url, "key": storage_key}
    for endpoint in served["endpoints"]:
        for deployment in endpoint["deployments"]:
            _make_absolute(deployment)
    return write_private(target, yaml.safe_dump(served, sort_keys=False))


def _make_absolute(deployment: dict[str, Any]) -> None:
    for part in (deployment, *deployment.get("steps", [])):
        for key in ("scoring_script", "code"):
            if key in part:
                part[key] = str(DEMO.parent / part[key])
