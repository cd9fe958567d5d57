"""One execution of the invoke operator: submit, wait, and what the end of the job means."""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

from airflow.sdk.timezone import utcnow

from airflow_provider_fabml.core.errors import (
    FabmlError,
    OutOfTimeError,
    OutputNotUsableError,
    PermanentError,
    TransientError,
)
from airflow_provider_fabml.core.jobs.ending import Fate, Wish
from airflow_provider_fabml.core.jobs.job import CANCELED, JOB_XCOM_KEY, is_terminal
from airflow_provider_fabml.core.jobs.polling import Pace
from airflow_provider_fabml.core.jobs.record import is_over
from airflow_provider_fabml.core.jobs.submission_errors import no_time_to_look
from airflow_provider_fabml.core.jobs.watch import OutOfTime
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.hooks.data_checks import data_checks
from airflow_provider_fabml.operators.last_try import no_try_follows
from airflow_provider_fabml.operators.open_posts import jobs_of_open_posts, tell_of_late_jobs
from airflow_provider_fabml.operators.task_memory import TaskMemory
from airflow_provider_fabml.operators.task_plan import plan_of
from airflow_provider_fabml.operators.worker_wait import (
    TaskEndedError,
    fate_of,
    wait_for_job,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from types import TracebackType

    from airflow.sdk import Context

    from airflow_provider_fabml.clients.plan import Submitted
    from airflow_provider_fabml.core.jobs.job import JobHandle
    from airflow_provider_fabml.core.jobs.record import Situation
    from airflow_provider_fabml.core.scoring.invocation import Invocation
    from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
    from airflow_provider_fabml.operators.worker_wait import Interruptible

log = logging.getLogger(__name__)


class ScoringRun:
    """What the operator does between its start and its end; use it in a ``with`` statement.

    When a person ends the task meanwhile, its job is cancelled if that was asked for, and nothing can
    come of the attempt any more (D7).
    """

    def __init__(
        self, task: AzureMLInvokeBatchEndpointOperator, context: Context, sleeper: Interruptible
    ) -> None:
        self._task, self._context, self._sleeper = task, context, sleeper
        self._memory = TaskMemory(context)
        self._stack = ExitStack()
        self._handle: JobHandle | None = None
        self._situation: Situation | None = None

    def __enter__(self) -> Self:
        try:
            self._connect()
        except PermanentError as error:
            if self._memory.load() is None:
                raise
            # Airflow tells a connection that it cannot read just now from one that is not there by
            # nothing, and a job may be running: that is for the next try.
            raise TransientError(error.what, remedy=error.remedy) from error
        return self

    def _connect(self) -> None:
        with ExitStack() as stack:
            hook = AzureMLBatchHook(self._task.azure_ml_conn_id)
            self._client = stack.enter_context(hook.get_client())
            checks = data_checks(self._task.storage_conn_id, self._client)
            self._checks = stack.enter_context(checks)
            self._stack = stack.pop_all()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._stack:
            if isinstance(error, TaskEndedError):
                self._settle(error.fate)

    def submit(self, invocation: Invocation) -> Submitted:
        """The job of this attempt, told to others before anything else can go wrong."""
        from airflow_provider_fabml.clients.submitter import Submitter

        time = self._client.request_time
        plan = plan_of(self._task, self._context, invocation, self._checks, time)
        self._situation = plan.situation
        submitted = Submitter(self._client, self._memory, plan, sleep=self._sleep).submit()
        self._handle = handle = submitted.handle
        self._context["ti"].xcom_push(key=JOB_XCOM_KEY, value=handle.to_json())
        log.info("Job %s: %s", handle.job_name, handle.studio_url)
        deployment = handle.deployment_name
        log.info("Deployment %s, inputs %s, outputs %s", deployment, handle.inputs, handle.outputs)
        return submitted

    def confirm(self, submitted: Submitted, settings: Mapping[str, Any]) -> JobHandle:
        """The job's handle, after reading back which settings it took."""
        from airflow_provider_fabml.clients.read_back import confirm

        return confirm(self._client, submitted, settings, strict=self._task.strict_settings)

    def wait(self, handle: JobHandle, deadline: datetime | None) -> dict[str, Any]:
        """The result, once the job has ended; waits on this worker."""
        if is_terminal(handle.status):
            return self.finish(handle)
        pace = Pace(self._task.poll_interval)
        outcome = wait_for_job(self._client, handle, pace, deadline=deadline, sleep=self._sleep)
        if isinstance(outcome, OutOfTime):
            raise self.out_of_time(handle._replace(status=outcome.last))
        return self.finish(handle._replace(status=outcome.status))

    def heed(self) -> None:
        """Raises ``TaskEndedError`` if a person ended the task during the submit."""
        self._sleep(0)

    def last_look(self, handle: JobHandle | None = None) -> dict[str, Any]:
        """The deadline has passed, perhaps long ago: the result if the job has one, else the error.

        Without ``handle`` no triggerer told of the job, and the record knows it.
        """
        handle = handle or self._known_job()
        if handle is None:
            raise OutOfTimeError("no triggerer told of the job in time, and its record is gone")
        seen = handle
        with suppress(FabmlError):
            seen = handle._replace(status=self._client.get_job(handle.job_name).status)
        if is_terminal(seen.status) and seen.status != CANCELED:
            return self.finish(seen)
        raise self.out_of_time(handle if seen.status == CANCELED else seen)

    def timed_out(self) -> dict[str, Any]:
        """Airflow's own ``execution_timeout`` came first: a service was slower than our margin before it."""
        if self._handle is not None:
            return self.last_look(self._handle)
        record, now = self._memory.record(), self._situation
        if record is not None and now is not None and not is_over(record, now):
            if record.job is not None:
                return self.last_look(record.handle)
            self._memory.change(deadline=None)
            raise no_time_to_look(record)
        raise OutOfTimeError(
            "execution_timeout passed before a job was started", remedy="raise execution_timeout"
        )

    def out_of_time(self, handle: JobHandle) -> OutOfTimeError:
        """The error of a deadline that passed, after settling the job as ``on_timeout`` says."""
        from airflow_provider_fabml.clients.completion import out_of_time

        cancel = self._task.on_timeout == "cancel"
        if cancel:  # a job that is being cancelled is nothing for a later try to wait for
            self._memory.spend()
        else:  # a later try goes on waiting, until a deadline of its own
            self._memory.change(deadline=None)
        limit = self._task.execution_timeout
        return out_of_time(handle, self._client, limit=limit, cancel=cancel)

    def finish(self, handle: JobHandle) -> dict[str, Any]:
        """The result of a job that has ended, and the asset events that carry its facts."""
        from airflow_provider_fabml.clients.completion import finish

        record = self._memory.record()
        if record is not None and record.unseen:
            window = self._task.settle_window
            tell_of_late_jobs(self._client, record, handle, utcnow(), window)
        try:
            done = finish(
                handle,
                self._client,
                self._checks,
                write_manifest=self._task.write_manifest,
                is_the_end=lambda error: no_try_follows(error, self._task, self._context),
            )
        except OutputNotUsableError:
            self._memory.spend()  # the same job would give the same result
            raise
        self._context["ti"].xcom_push(key=JOB_XCOM_KEY, value=handle.to_json())
        for outlet in self._task.outlets:
            extra: dict[str, Any] = {"azure_ml_job": done.result, "manifest": done.manifest}
            self._context["outlet_events"][outlet].extra = extra
        return done.result

    def _sleep(self, seconds: float) -> None:
        """Sleep, and notice that a person ended the task."""
        task, ti = self._task, self._context["ti"]
        wish = Wish(task.cancel_on_kill, task.on_clear, task.on_timeout)
        self._sleeper.sleep(seconds, lambda: fate_of(ti, wish))

    def _settle(self, fate: Fate) -> None:
        """Cancel first: Airflow kills the process in seconds, and a deleted run has no memory."""
        if fate is Fate.CANCEL:
            self._cancel()
        if fate in {Fate.CANCEL, Fate.FORGET}:
            self._memory.spend()

    def _cancel(self) -> None:
        from airflow_provider_fabml.clients.completion import cancelled

        handle, record = self._known_job(), self._memory.record()
        names: tuple[str, ...] = (handle.job_name,) if handle else ()
        if handle is None and record is not None:
            names = jobs_of_open_posts(self._client, record, utcnow())
        for name in names:
            log.info("Job %s: %s", name, cancelled(name, self._client))

    def _known_job(self) -> JobHandle | None:
        if self._handle is not None:
            return self._handle
        record = self._memory.record()
        return record.handle if record is not None and record.job is not None else None
