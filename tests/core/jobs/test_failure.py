"""Why a job failed: which error tells most, and what is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.jobs.failure import (
    FailureReason,
    failure_reason,
    has_failed_children,
)
from airflow_provider_fabml.core.retry_advice import UNKNOWN

PARENT = (
    "Pipeline has failed child jobs. Failed nodes: /prep, /train. For more details and logs, please "
    "go to the job detail page and check the child jobs."
)
EXITED = (
    "Execution failed. User process '/azureml-envs/x/bin/python' exited with status code 42. Please "
    "check log file 'user_logs/std_log_0.txt' for error details. Error: Traceback … SystemExit: 42"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(
            ["error", "code", "message", "details", "innerError", "name", "status", "runId", "debugInfo"]
        ),
        inner,
    ),
    max_leaves=20,
)  # fmt: skip


def run(message: str | None, code: str = "UserError", **names: Any) -> dict[str, Any]:
    """A run of run history with this error."""
    error = {"code": code, "message": message} if message else {}
    return {"status": "Failed", **names, "error": {"error": error}}


def told(run_: Any, *children: Any) -> tuple[str, str]:
    """Message and step of the reason that is chosen."""
    reason = failure_reason(run_, children)
    return reason.message, reason.step


def test_a_childs_error_comes_before_its_parents() -> None:
    """The parent only says that children failed."""
    child = run("init() failed", name="batchscoring", runId="r-1")
    reason = failure_reason(run(PARENT), [{"error": None}, child])
    assert (reason.code, reason.message) == ("UserError", "init() failed")
    assert (reason.step, reason.run_id) == ("batchscoring", "r-1")


def test_a_known_cause_comes_before_a_general_text() -> None:
    """A step that merely exited is less telling than one that names what happened."""
    exited = run(EXITED, name="prep")
    assert told(run(PARENT), exited, run("PreemptionError: x", name="train"))[1] == "train"
    assert told(run(PARENT), exited, run("odd", name="train")) == ("odd", "train")
    assert told(run("Quota exceeded"), exited) == ("Quota exceeded", "")


def test_of_equal_errors_the_first_counts() -> None:
    """The order is run history's; the steps that failed beside it are named."""
    reason = failure_reason(run(PARENT), [run("a", name="train"), run("b", name="prep")])
    assert (reason.message, reason.step, reason.others) == ("a", "train", ("prep",))


def test_a_cancelled_step_is_not_the_reason() -> None:
    """What was cancelled because another step failed says nothing about why."""
    cancelled = run("path already exists", name="late", status="Canceled")
    reason = failure_reason(run(PARENT), [cancelled, run(EXITED, name="train")])
    assert (reason.step, reason.others) == ("train", ("prep",))


def test_without_child_runs_the_parent_names_the_step() -> None:
    """Its text has the failed nodes."""
    reason = failure_reason(run(PARENT), [])
    assert (reason.step, reason.others) == ("prep", ("train",))
    assert failure_reason(run("Quota exceeded"), []).step == ""


@pytest.mark.parametrize("nothing", [None, {}, {"error": None}, [], "x", {"error": {"error": []}}])
def test_no_error_is_said_to_be_none(nothing: object) -> None:
    """The service may give no reason at all."""
    assert failure_reason(nothing, [nothing]).message == "the service gave no reason"


def test_details_and_inner_codes_are_read() -> None:
    """What stands deeper is told too, once, and tells the cause."""
    error = {
        "code": "UserError",
        "message": "It failed: a",
        "details": [{"message": "a"}, {"code": "DatastoreTypeNotSupported", "message": "b"}, 7],
        "innerError": {"code": "BadArgument", "innerError": {"code": "Odd", "innerError": None}},
        "debugInfo": {"message": "deep"},
    }
    reason = failure_reason({"error": {"error": error}}, [])
    assert (reason.code, reason.message) == ("UserError/BadArgument/Odd", "It failed: a | b")
    assert "Azure Blob" in str(reason.remedy)
    assert "deep" in reason.context


def test_a_format_stands_in_for_a_message() -> None:
    """And a code alone is an error too."""
    assert told({"error": {"error": {"messageFormat": "{0} failed"}}})[0] == "{0} failed"
    assert told({"error": {"error": {"code": "E"}}, "displayName": "d"})[0] == "no message"
    assert told({}, {"error": {"error": {"code": "E"}}, "displayName": "d"})[1] == "d"


def test_secrets_in_the_services_words_are_hidden() -> None:
    """A signed address in an error text gives nobody access."""
    signed = "cannot read https://a.blob.core.windows.net/c/f?sv=1&sig=abc%2Fdef&se=2"
    reason = failure_reason(run(signed), [])
    assert "abc" not in reason.message
    assert "sig=***" in reason.message


def test_logs_tell_what_a_general_text_does_not() -> None:
    """Remedy and advice follow the logs' words, unless the error itself is telling."""
    general = FailureReason("UserError", EXITED, lines=("ValueError: No objects to concatenate",))
    assert "nested folders" in str(general.remedy)
    assert general.advice.again is False
    telling = FailureReason("UserError", "Quota exceeded", lines=("No module named 'x'",))
    assert telling.advice.again is True


def test_the_text_has_all_parts() -> None:
    """Code, message, other steps, the logs' lines and names."""
    reason = FailureReason("E", "m", "s", ("t",), lines=("l1", "l2"), logs=("logs/user/error.txt",))
    assert reason.text() == (
        "E: m\nFurther failed steps: t.\nFrom its logs:\n  l1\n  l2\nIts logs: logs/user/error.txt."
    )
    assert FailureReason("", "m").text() == "m"


def test_an_unknown_cause_has_no_remedy_and_its_codes_advice() -> None:
    """Nothing is better than a wrong guess; the service's own codes still count."""
    assert FailureReason("UserError", "something else").remedy is None
    assert FailureReason("UserError", "something else").advice == UNKNOWN
    assert FailureReason("ServiceError/X", "something else").advice.again is True


@given(own=JSON, children=st.lists(JSON))
def test_whatever_the_service_says_nothing_is_raised(own: Any, children: list[Any]) -> None:
    """Unknown shapes give less, and never an error of ours."""
    reason = failure_reason(own, children)
    assert reason.text()
    assert isinstance(has_failed_children(own), bool)
    assert reason.advice.again in {None, True, False}


@pytest.mark.shared
def test_a_recorded_run_without_error_gives_no_reason(shared_dir) -> None:
    """Run history's shapes of 2022 are read as they are."""
    name = "history_children_and_rundata_batchscoring_2022-11.json"
    recorded = json.loads((shared_dir / "specs" / "recorded" / name).read_text())
    children, own, _ = (exchange["response"]["body"] for exchange in recorded["exchanges"])
    assert failure_reason(own["runMetadata"], children["value"]).code == ""
