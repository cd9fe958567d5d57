"""The Azure ML workspace the demo uses, as the emulator's workspace file."""

from __future__ import annotations

import secrets
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_fabml.local.places import write_private

if TYPE_CHECKING:
    from airflow_provider_fabml.local.azurite import Azurite

ENDPOINT = "breast-cancer-classifier"
CONTAINER = "trusted"
SCORING_SCRIPT = Path(__file__).with_name("score.py")


def write_workspace(target: Path, storage: Azurite) -> Path:
    """Write the YAML file (mode 0600: it holds the new client secret); return its path."""
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
        "principals": [{"client_id": str(uuid.uuid4()), "secret": secrets.token_urlsafe(32)}],
        "storage": {"url": storage.blob_url, "key": storage.key},
        "datastores": [{"name": "trusted_blob", "container": CONTAINER, "default": True}],
        "endpoints": [endpoint],
    }
    return write_private(target, yaml.safe_dump(workspace, sort_keys=False))
