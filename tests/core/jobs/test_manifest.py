"""What a scoring leaves beside its predictions."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_fabml.core.jobs.job import JobHandle
from airflow_provider_fabml.core.jobs.manifest import manifest, manifest_uris, to_bytes
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity

ROOT = "azureml://datastores/trusted_blob/paths/out/d/k/r/t/1-x"
HANDLE = JobHandle(
    "job",
    "heart",
    "blue",
    "Completed",
    inputs={
        "heart": {"type": "UriFolder", "uri": "in", "count": 2, "bytes": 9, "digest": "abc"},
        "n": {"type": "Literal", "value": "3"},
    },
    outputs={"score": {"type": "UriFile", "uri": f"{ROOT}/predictions.csv"}},
    run={**RunIdentity("d", "r", "t", 3, "2026-01-31")._asdict(), "assets": ["due"]},
)


@pytest.mark.parametrize(
    ("outputs", "folders"),
    [
        ([("UriFile", f"{ROOT}/predictions.csv")], [ROOT]),
        ([("UriFolder", f"{ROOT}/scores")], [f"{ROOT}/scores"]),
        ([("UriFolder", f"{ROOT}/scores/")], [f"{ROOT}/scores"]),
        ([("UriFile", f"{ROOT}/a.csv"), ("UriFile", f"{ROOT}/b.csv")], [ROOT]),
        ([("UriFile", f"{ROOT}/a.csv"), ("UriFolder", f"{ROOT}/b")], [ROOT, f"{ROOT}/b"]),
        ([], []),
    ],
)
def test_a_manifest_lies_in_the_folder_of_each_output(outputs: list, folders: list) -> None:
    """Beside a file, in a folder, and once where outputs share one."""
    named = {str(n): {"type": kind, "uri": uri} for n, (kind, uri) in enumerate(outputs)}
    assert manifest_uris(named) == tuple(f"{folder}/_manifest.json" for folder in folders)


def test_a_manifest_says_what_was_scored_by_what_for_whom() -> None:
    """Each input and output with what storage said of it; the whole is JSON that a person can read."""
    made = manifest(
        HANDLE,
        outputs={"score": {"files": 1, "rows": 7}},
        written_by="a provider",
        now=datetime(2026, 2, 1, tzinfo=UTC),
    )
    read = json.loads(to_bytes(made))
    assert read == made
    assert (read["version"], read["status"], read["partition"]) == (1, "completed", "2026-01-31")
    run = {
        "dag_id": "d",
        "run_id": "r",
        "task_id": "t",
        "map_index": 3,
        "attempt": 1,
        "assets": ["due"],
    }
    assert read["run"] == run
    assert (read["job"]["name"], read["job"]["endpoint"], read["job"]["deployment"]) == (
        "job",
        "heart",
        "blue",
    )
    assert read["inputs"]["heart"] == {
        "type": "UriFolder",
        "uri": "in",
        "count": 2,
        "bytes": 9,
        "digest": "abc",
    }
    assert read["inputs"]["n"] == {"type": "Literal", "value": "3"}
    assert read["outputs"]["score"]["rows"] == 7
    assert read["written_at"] == "2026-02-01T00:00:00+00:00"
