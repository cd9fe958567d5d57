"""One execution of the invoke operator: submit, wait, and what the end of the job means."""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

from airflow.sdk.timezone import utcnow

from airflow_provider_fabml.core.errors import FabmlError, OutOfTimeError, OutputNotUsableError
from airflow_provider_fabml.core.jobs.ending import Fate, Wish
from airflow_provider_fabml.core.jobs.job import CANCELED, JOB_XCOM_KEY, is_terminal
from airflow_provider_fabml.core.jobs.known import Limits
from airflow_provider_fabml.core.jobs.polling import Pace
from airflow_provider_fabml.core.jobs.record import Situation
from airflow_provider_fabml.core.jobs.submission_errors import (
    listed_too_late,
    may_have_started,
    no_time_to_look,
)
from airflow_provider_fabml.core.jobs.watch import OutOfTime
from airflow_provider_fabml.core.options import deadline_of, post_time_of
from airflow_provider_fabml.core.scoring.invocation import digest, shared_outputs
from airflow_provider_fabml.core.scoring.kind_rules import parse_kind
from airflow_provider_fabml.core.scoring.run_identity import default_description, default_tags
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.hooks.data_checks import data_checks
from airflow_provider_fabml.operators.task_memory import TaskMemory, identity_of
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

    from airflow_provider_fabml.clients.plan import Plan, Submitted
    from airflow_provider_fabml.core.jobs.job import JobHandle
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

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            hook = AzureMLBatchHook(self._task.azure_ml_conn_id)
            self._client = stack.enter_context(hook.get_client())
            checks = data_checks(self._task.storage_conn_id, self._client)
            self._checks = stack.enter_context(checks)
            self._stack = stack.pop_all()
        return self

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

        plan = self._plan(invocation)
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
        record = self._memory.record()
        self._memory.change(deadline=None)
        if record is not None and record.job is None:
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
        from airflow_provider_fabml.clients.completion import result_of

        try:
            result = result_of(handle, self._client, self._checks)
        except OutputNotUsableError:
            self._memory.spend()  # the same job would give the same result
            raise
        self._tell_of_late_jobs(handle)
        self._context["ti"].xcom_push(key=JOB_XCOM_KEY, value=handle.to_json())
        for outlet in self._task.outlets:
            self._context["outlet_events"][outlet].extra = {"azure_ml_job": result}
        return result

    def _plan(self, invocation: Invocation) -> Plan:
        from airflow_provider_fabml.clients.plan import Plan

        task, identity = self._task, identity_of(self._context)
        for name in shared_outputs(invocation, identity.map_index):
            log.warning(
                "outputs[%r] does not tell the mapped tasks apart: they may overwrite each other. Use "
                "output_root, or {map_index} in the URI.",
                name,
            )
        return Plan(
            invocation=invocation,
            stated_kind=parse_kind(task.deployment_kind),
            identity=identity,
            situation=self._situation(invocation),
            tags=default_tags(identity),
            description=default_description(identity),
            before_post=self._checks.before_post if self._checks else _no_checks,
            limits=self._limits(),
        )

    def _situation(self, invocation: Invocation) -> Situation:
        ti = self._context["ti"]
        return Situation(
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            digest=digest(invocation),
            retries=self._task.retries or 0,
            clear_number=self._context["dag_run"].clear_number or 0,
        )

    def _limits(self) -> Limits:
        task, start = self._task, self._context["ti"].start_date
        return Limits(
            deadline=deadline_of(start, task.execution_timeout),
            post_time=post_time_of(task.execution_timeout, self._client.request_time),
            settle_window=task.settle_window,
            send_window=task.send_window,
            patience=task.patience,
            cancel_before=task.on_clear == "cancel",
        )

    def _sleep(self, seconds: float) -> None:
        """Sleep, and notice that a person ended the task."""
        task, ti = self._task, self._context["ti"]
        wish = Wish(task.cancel_on_kill, task.on_clear, task.on_timeout)
        self._sleeper.sleep(seconds, lambda: fate_of(ti, wish))

    def _settle(self, fate: Fate) -> None:
        """Cancel first: Airflow kills the process in seconds, and a deleted run has no memory."""
        from airflow_provider_fabml.clients.completion import cancelled

        if fate is Fate.CANCEL:
            handle = self._known_job()
            names = (handle.job_name,) if handle else self._jobs_of_open_posts()
            for name in names:
                log.info("Job %s: %s", name, cancelled(name, self._client))
        if fate in {Fate.CANCEL, Fate.FORGET}:
            self._memory.spend()

    def _jobs_of_open_posts(self) -> tuple[str, ...]:
        """The jobs of an attempt that ends before their names were known; what is not listed is named."""
        from airflow_provider_fabml.clients.look_up import jobs_of, look_up

        record = self._memory.record()
        if record is None:
            return ()
        found: tuple[str, ...] = ()
        try:
            found = jobs_of(look_up(self._client, record, utcnow(), None))
        except FabmlError as error:
            log.warning("Which jobs there are could not be asked: %s", error)
        if not found:
            log.error("%s; it is not listed, and not cancelled", may_have_started(record))
        return found

    def _known_job(self) -> JobHandle | None:
        if self._handle is not None:
            return self._handle
        record = self._memory.record()
        return record.handle if record is not None and record.job is not None else None

    def _tell_of_late_jobs(self, handle: JobHandle) -> None:
        """A POST whose job no list had shown in time may have made one after all."""
        from airflow_provider_fabml.clients.look_up import late_jobs, look_up

        record = self._memory.record()
        if record is None or not record.unseen:
            return
        try:
            found = look_up(self._client, record, utcnow(), None)
        except FabmlError as error:  # the result is there, and must not be lost for this
            log.warning("Whether an earlier POST made a job too could not be asked: %s", error)
            return
        late = late_jobs(found, handle.job_name)
        if late:
            window = self._task.settle_window
            posts = [verdict.post for verdict in found]
            log.error(listed_too_late(posts, handle.job_name, late, window))


def _no_checks(_invocation: object, _outputs: object) -> None:
    """Without a storage connection nothing is looked at before the POST."""
