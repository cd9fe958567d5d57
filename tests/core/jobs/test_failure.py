"""Why a job failed, and what is likely to help."""

from __future__ import annotations

import json

import pytest

from airflow_provider_fabml.core.jobs.failure import FailureReason, first_reason


def run(message: str | None, code: str = "UserError", **names: str) -> dict:
    """A run of run history with this error."""
    error = {"code": code, "message": message} if message else {}
    return {**names, "error": {"error": error}}


def test_a_child_runs_error_comes_first() -> None:
    """The parent only says that children failed."""
    children = [{"error": None}, run("init() failed", name="batchscoring"), run("later")]
    reason = first_reason(run("Pipeline has failed child jobs."), children)
    assert reason == FailureReason("UserError", "init() failed", "batchscoring")


def test_the_jobs_own_error_comes_next() -> None:
    """Without a child's error the job's own counts, then nothing."""
    assert first_reason(run("quota", code=""), [{}]) == FailureReason("", "quota")
    assert first_reason({}, []) == FailureReason("", "the service gave no reason")
    named = first_reason({}, [run(None) | {"error": {"error": {"code": "E"}}, "displayName": "d"}])
    assert named == FailureReason("E", "no message", "d")


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("The path already exists", "output_root"),
        ("No succeeded mini batch item returned from run().", "scoring script"),
        ("no credentials for datastore", "Storage Blob Data Reader"),
        ("AuthorizationPermissionMismatch", "Contributor"),
        ("DatastoreTypeNotSupported", "Azure Blob"),
        ("Job output type must be 'uri_file'.", "UriFile"),
        ("Quota exceeded", "instances"),
        ("node preempted", "try again"),
        ("No progress update in 600 seconds.", "RetryTimeout"),
    ],
)
def test_known_causes_come_with_a_remedy(message: str, advice: str) -> None:
    """The service's texts are matched in any case."""
    assert advice in (FailureReason("", message).remedy or "")


def test_an_unknown_cause_has_no_remedy() -> None:
    """Nothing is better than a wrong guess."""
    assert FailureReason("UserError", "something else").remedy is None


@pytest.mark.shared
def test_a_recorded_run_without_error_gives_no_reason(shared_dir) -> None:
    """Run history's shapes of 2022 are read as they are."""
    name = "history_children_and_rundata_batchscoring_2022-11.json"
    recorded = json.loads((shared_dir / "specs" / "recorded" / name).read_text())
    children, own, _ = (exchange["response"]["body"] for exchange in recorded["exchanges"])
    assert first_reason(own["runMetadata"], children["value"]).code == ""
