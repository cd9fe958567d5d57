"""The emulator's demo workspace with one endpoint a mode, so that faults can be aimed at one."""

from __future__ import annotations

from typing import Any

import yaml

from airflow_provider_fabml.emulator.loading import DEMO

MODES = ("sync", "deferrable")
CONTAINER = "trusted"
INPUTS = ("north", "south")
# Seconds a job takes in each state: long enough to be struck at several points.
PACE = {"Preparing": 2.0, "Queued": 1.0, "Running": 2.0, "Finalizing": 1.0}


def workspace() -> dict[str, Any]:
    """Return the workspace with endpoints ``heart-sync`` and ``heart-deferrable``."""
    served = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    heart = next(each for each in served["endpoints"] if each["name"] == "heart-classifier")
    for deployment in heart["deployments"]:
        deployment["scoring_script"] = str(DEMO.parent / deployment["scoring_script"])
    endpoints = [{**heart, "name": f"heart-{mode}"} for mode in MODES]
    clock = {"mode": "timed", "seconds": PACE}
    return {**served, "endpoints": endpoints, "clock": clock, "nodes": 64}


def input_uri(name: str) -> str:
    """Return the datastore URI of an input folder."""
    return f"azureml://datastores/trusted_blob/paths/datasets/{name}"
