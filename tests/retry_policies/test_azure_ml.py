"""The policy through Airflow's own task runner: who decides, when, and with which delay."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import BaseOperator, RetryAction
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from support.operators import new_run, score
from support.task_runner import run_task, run_to_end

from airflow_provider_fabml import UriFolder
from airflow_provider_fabml.core.errors import (
    AnswerLostError,
    FabmlError,
    JobNotCompletedError,
    NotSentError,
    OutOfTimeError,
    OutputNotUsableError,
    PermanentError,
    TransientError,
    UsageError,
)
from airflow_provider_fabml.core.retry_advice import RetryAdvice
from airflow_provider_fabml.hooks.airflow_errors import airflow_error
from airflow_provider_fabml.retry_policies.azure_ml import AzureMLRetryPolicy, advice_of

if TYPE_CHECKING:
    from support.scoring import Scoring

ENDPOINT, POST = r"/batchEndpoints/[^/]+$", r"/endpoints/[^/]+/jobs$"
FAIL, RETRY, DEFAULT = RetryAction.FAIL, RetryAction.RETRY, RetryAction.DEFAULT
USAGE = UsageError(rule="r", field="f", value=1, reason="x", remedy="y")


def job_error(advice: RetryAdvice) -> JobNotCompletedError:
    """A job that failed for this reason."""
    return JobNotCompletedError("it failed", advice=advice)


ERRORS: list[tuple[FabmlError, RetryAction, float | None]] = [
    (USAGE, FAIL, None),
    (PermanentError("no", status=403), FAIL, None),
    (TransientError("busy", status=503), RETRY, None),
    (TransientError("busy", status=429, retry_after=17), RETRY, 17),
    (TransientError("busy", status=429, retry_after=1e9), RETRY, 3600),
    (NotSentError("no connection"), RETRY, None),
    (AnswerLostError("lost"), RETRY, None),
    (job_error(RetryAdvice(again=False, why="the output exists")), FAIL, None),
    (job_error(RetryAdvice(again=True, delay=300, why="pre-empted")), RETRY, 300),
    (job_error(RetryAdvice()), DEFAULT, None),
    (OutputNotUsableError("empty"), DEFAULT, None),
    (OutOfTimeError("late"), DEFAULT, None),
]


@pytest.mark.parametrize(("error", "action", "delay"), ERRORS)
def test_each_error_has_its_decision(
    error: FabmlError, action: RetryAction, delay: float | None
) -> None:
    """As the hooks raise it (in a function task) and as operators raise it, where Airflow asks at all."""
    raised = airflow_error(error)
    for exception in (error, raised):
        if isinstance(exception, AirflowFailException):
            continue  # Airflow fails these without asking
        decision = AzureMLRetryPolicy().evaluate(exception, 1, 3)
        assert decision.action is action
        assert decision.retry_delay == (None if delay is None else timedelta(seconds=delay))


@pytest.mark.parametrize("error", [ValueError("x"), AirflowException("x"), KeyboardInterrupt()])
def test_errors_of_others_are_airflows_business(error: BaseException) -> None:
    """The default, which the task's own settings decide."""
    assert AzureMLRetryPolicy().evaluate(error, 1, 3).action is DEFAULT
    assert advice_of(error) == RetryAdvice()


def test_delays_are_cut_and_the_policy_goes_through_json() -> None:
    """The longest delay is the user's; the policy survives serialization."""
    policy = AzureMLRetryPolicy(longest_delay=timedelta(minutes=1))
    again = AzureMLRetryPolicy.deserialize(json.loads(json.dumps(policy.serialize())))
    busy = TransientError("busy", retry_after=900)
    for one in (policy, again):
        assert one.evaluate(busy, 1, 3).retry_delay == timedelta(minutes=1)


class Raises(BaseOperator):
    """A task that fails with this error."""

    def __init__(self, *, error: BaseException, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.error = error

    def execute(self, context: Any) -> None:
        """Fail."""
        raise self.error


@pytest.mark.parametrize(("error", "action", "delay"), ERRORS)
def test_airflow_asks_the_policy_in_the_worker(
    error: FabmlError, action: RetryAction, delay: float | None
) -> None:
    """The real runner: FAIL ends the task with retries left, RETRY carries delay and reason."""
    task = Raises(error=error, task_id="t", retries=3, retry_policy=AzureMLRetryPolicy())
    done = run_task(task, try_number=1, max_tries=3)
    assert done.state == ("failed" if action is FAIL else "up_for_retry")
    if action is FAIL:
        assert "no retry helps" in done.text
        return
    assert done.message.retry_delay_seconds == delay
    assert (done.message.retry_reason is not None) == (action is RETRY)


def test_the_number_of_retries_holds() -> None:
    """On the last try a transient error fails the task like any other."""
    task = Raises(
        error=NotSentError("x"), task_id="t", retries=1, retry_policy=AzureMLRetryPolicy()
    )
    assert run_task(task, try_number=2, max_tries=1).state == "failed"


def operator(scoring: Scoring, **changes: Any) -> Any:
    """The invoke operator with the policy and retries left."""
    keywords = {
        "inputs": {"heart": UriFolder(scoring.upload())},
        "storage_conn_id": None,
        "retries": 3,
        "retry_policy": AzureMLRetryPolicy(),
    }
    return score(**{**keywords, **changes})


def run(scoring: Scoring, task: Any) -> Any:
    """Run it over deferrals to its end."""
    return run_to_end(task, connections=scoring.connections, run_id=new_run(), max_tries=3)


@pytest.fixture
def faulty(scoring: Scoring) -> Any:
    """Queue faults; those that are left are taken back."""
    yield scoring.emulator.control.add_fault
    scoring.emulator.control.clear_faults()


@pytest.mark.azurite
@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("asked", [{"retry_after": "120"}, {"retry_after_date": 120}], ids=str)
def test_a_throttled_task_waits_as_long_as_the_service_says(
    scoring: Scoring, faulty: Any, deferrable: bool, asked: dict[str, Any]
) -> None:
    """``Retry-After``, in seconds or as a date, becomes the delay of the next try."""
    faulty(method="GET", path=ENDPOINT, status=429, times=9, **asked)
    done = run(scoring, operator(scoring, deferrable=deferrable))
    assert done.state == "up_for_retry", done.text
    assert 118 <= done.message.retry_delay_seconds <= 122, "a server's Date may be a second old"
    assert "worth a retry" in done.message.retry_reason


def bad_folder(scoring: Scoring) -> dict[str, Any]:
    """Inputs on which the scoring script fails."""
    folder = f"datasets/{uuid.uuid4().hex[:10]}"
    with scoring.container() as container:
        container.upload_blob(f"{folder}/bad.csv", "age\nold\n")
    return {"heart": UriFolder(f"azureml://datastores/trusted_blob/paths/{folder}")}


def told(message: str) -> dict[str, Any]:
    """A fault by which run history tells this of the failed child run."""
    error = {"error": {"code": "UserError", "message": message}}
    run = {"name": "batchscoring", "runId": "r", "status": "Failed", "error": error}
    return {"method": "GET", "path": "/children$", "edit": {"/value": [run]}}


PREEMPTED = "AzureMLCompute job failed. PreemptionError: Nodes of this job got pre-empted."
QUOTA = "OutOfQuota: Not enough cluster CPU quota."


@pytest.mark.azurite
@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(("message", "delay"), [(PREEMPTED, 300), (QUOTA, 900)])
def test_what_time_heals_is_tried_again_later(
    scoring: Scoring, faulty: Any, deferrable: bool, message: str, delay: float
) -> None:
    """Pre-emption and quota, told by the child run, in both modes."""
    faulty(**told(message))
    done = run(scoring, operator(scoring, inputs=bad_folder(scoring), deferrable=deferrable))
    assert done.state == "up_for_retry", done.text
    assert done.message.retry_delay_seconds == delay


@pytest.mark.azurite
@pytest.mark.parametrize("deferrable", [False, True])
def test_a_script_that_fails_costs_one_job(scoring: Scoring, deferrable: bool) -> None:
    """A real failure of the scoring script: three retries are left, and none is used."""
    jobs = len(scoring.emulator.control.jobs())
    done = run(scoring, operator(scoring, inputs=bad_folder(scoring), deferrable=deferrable))
    assert done.state == "failed", done.text
    assert "ValueError: could not convert string to float" in str(done.error)
    assert len(scoring.emulator.control.jobs()) == jobs + 1


@pytest.mark.azurite
def test_without_the_policy_airflow_decides_as_ever(scoring: Scoring) -> None:
    """The counter-proof: the same failure is retried by a task that has no policy."""
    task = operator(scoring, inputs=bad_folder(scoring), retry_policy=None)
    done = run(scoring, task)
    assert (done.state, done.message.retry_delay_seconds) == ("up_for_retry", None)
