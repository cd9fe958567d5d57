"""Which failures of Azure ML tasks are worth another try, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryDecision, RetryPolicy

from airflow_provider_fabml.core.errors import FabmlError
from airflow_provider_fabml.core.retry_advice import LONGEST_DELAY, UNKNOWN, RetryAdvice
from airflow_provider_fabml.hooks.airflow_errors import AdvisedError

if TYPE_CHECKING:
    from airflow.sdk import Context


class AzureMLRetryPolicy(RetryPolicy):
    """Fails at once what no retry can mend, and retries the rest when Azure says so.

    ::

        AzureMLInvokeBatchEndpointOperator(..., retries=5, retry_policy=AzureMLRetryPolicy())

    A job that failed for a lasting reason (an occupied output, a missing role, a scoring script that
    raises) fails the task without another job. Pre-empted nodes are tried again after 5 minutes, a quota
    that is used up after 15, throttling after the ``Retry-After`` of the answer; everything else is left to
    the task's own ``retries`` and ``retry_delay``; their number always holds. It fits the operator and
    ``@task`` functions that call this provider's hooks; sensors wait out by themselves what may pass.

    Airflow 3.3 asks it in the worker, with the exception itself, also when a deferred task resumes. It is
    not asked where there is no worker: a task whose process was killed, or a trigger that crashed, follows
    the task's own settings. (:class:`~airflow.sdk.exceptions.AirflowFailException`, by which this provider
    fails wrong calls and lasting refusals, needs no policy.)

    :param longest_delay: a delay that Azure asks for is cut to this.
    """

    def __init__(self, longest_delay: timedelta = timedelta(seconds=LONGEST_DELAY)) -> None:
        self.longest_delay = longest_delay

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Airflow's decision about this failure; its own default for errors of others."""
        advice = advice_of(exception)
        if advice.again is None:
            return RetryDecision.default()
        if not advice.again:
            return RetryDecision.fail(reason=f"no retry helps: {advice.why}")
        return RetryDecision.retry(self._delay(advice), reason=f"worth a retry: {advice.why}")

    def _delay(self, advice: RetryAdvice) -> timedelta | None:
        if advice.delay is None:
            return None
        return min(timedelta(seconds=advice.delay), self.longest_delay)

    def serialize(self) -> dict[str, Any]:
        """The policy as JSON."""
        kind = type(self)
        name = f"{kind.__module__}.{kind.__qualname__}"
        return {"__type": name, "longest_delay": self.longest_delay.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> AzureMLRetryPolicy:
        """The policy back from ``serialize``."""
        return cls(timedelta(seconds=data["longest_delay"]))


def advice_of(exception: BaseException) -> RetryAdvice:
    """What an error of this provider knows about another try, raised as it is or as Airflow's."""
    return exception.advice if isinstance(exception, FabmlError | AdvisedError) else UNKNOWN
