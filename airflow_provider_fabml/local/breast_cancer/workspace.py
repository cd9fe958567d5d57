"""The Azure ML workspace the demo uses, as the emulator's workspace file."""

from __future__ import annotations

import secrets
import uuid
from pathlib import Path
from typing import NamedTuple

from airflow_provider_fabml.local.places import write_private

ENDPOINT = "breast-cancer-classifier"
CONTAINER = "trusted"
FOLDER = "datasets/breast-cancer"
SCORING_SCRIPT = Path(__file__).with_name("score.py")


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

    deployment = {
        "kind": "model",
        "name": "logistic-regression",
        "scoring_script": str(SCORING_SCRIPT),
        "model": "{model_dir}",
        "model_name": "breast-cancer",
        "mini_batch_size": 2,
    }
    endpoint = {
        "name": ENDPOINT,
        "description": "Malignant (0) or benign (1), from 30 features of a cell nucleus.",
        "default_deployment": deployment["name"],
        "deployments": [deployment],
    }
    workspace = {
        "clock": {"mode": "timed"},
        "principals": [who._asdict()],
        "storage": {"url": storage_url, "key": storage_key},
        "datastores": [{"name": "trusted_blob", "container": CONTAINER, "default": True}],
        "endpoints": [endpoint],
    }
    return write_private(target, yaml.safe_dump(workspace, sort_keys=False))
