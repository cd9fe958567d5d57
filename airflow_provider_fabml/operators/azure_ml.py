"""Starts a batch job on an Azure ML batch endpoint, once, and waits for it."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf
from airflow.sdk.timezone import utcnow

from airflow_provider_fabml.core.errors import OutputNotUsableError, PermanentError
from airflow_provider_fabml.core.jobs.job import JOB_XCOM_KEY, JobHandle, is_terminal
from airflow_provider_fabml.core.jobs.polling import TRIGGER_FLOOR, Pace
from airflow_provider_fabml.core.jobs.submission import SETTLE_WINDOW, Situation
from airflow_provider_fabml.core.jobs.watch import OutOfTime
from airflow_provider_fabml.core.options import check_options, deadline_of
from airflow_provider_fabml.core.scoring.invocation import (
    digest,
    fixed_outputs,
    parse_invocation,
    shared_outputs,
)
from airflow_provider_fabml.core.scoring.kind_rules import parse_kind
from airflow_provider_fabml.core.scoring.run_identity import default_description, default_tags
from airflow_provider_fabml.hooks.airflow_errors import airflow_errors
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.hooks.data_checks import data_checks
from airflow_provider_fabml.links.azure_ml import AzureMLStudioJobLink
from airflow_provider_fabml.operators.task_memory import TaskMemory, identity_of
from airflow_provider_fabml.operators.worker_wait import (
    Interruptible,
    TaskEndedError,
    still_running,
    wait_for_job,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.clients.data_checks import DataChecks
    from airflow_provider_fabml.clients.submitter import Plan, Submitted
    from airflow_provider_fabml.core.errors import OutOfTimeError
    from airflow_provider_fabml.core.scoring.invocation import Invocation


class AzureMLInvokeBatchEndpointOperator(BaseOperator):
    """Score data with an Azure ML batch endpoint: one job for each attempt, whatever breaks.

    The result, and the XCom ``azure_ml_job`` right after the submit, is the job's handle as plain
    JSON: ``job_name``, ``endpoint_name``, ``deployment_name``, ``status``, ``studio_url``,
    ``inputs``, ``outputs`` (``{"score": {"type": "UriFile", "uri": "azureml://…"}}``),
    ``submitted_at``, ``attempt``, ``invocation_id``, and after completion ``checked_outputs``.

    :param endpoint_name: name of the batch endpoint. (templated)
    :param inputs: by name, :class:`~airflow_provider_fabml.UriFolder`, ``UriFile``, ``LiteralInput``
        …, or Fabric's ``{"JobInputType": "UriFolder", "Uri": "azureml://…"}``. (templated)
    :param outputs: by name, ``UriFile`` or ``UriFolder``, or Fabric's ``{"JobOutputType": …}``. An
        output without a URI is placed below ``output_root``; ``{attempt}`` in a URI becomes the
        attempt's number, ``{map_index}`` the mapped task's. (templated)
    :param output_root: datastore folder below which every attempt gets a folder of its own:
        ``<root>/<dag>/[<partition>/]<run>/<task>[/~map<index>]/<attempt>/``. This or ``outputs`` is
        required. (templated)
    :param deployment_name: a deployment of the endpoint; its default when left out. (templated)
    :param deployment_kind: ``model`` or ``pipeline``; read from the service when left out.
    :param job_settings: Fabric's job settings (``MiniBatchSize``, ``ComputeInstanceCount``,
        ``ContinueOnStepFailure``, ``DefaultDatastore``, ``ForceRun``) and the service's others
        (``RetrySettings``, ``ErrorThreshold``, ``OutputFileName``, ``ExperimentName``, ``Tags``,
        ``Description``, ``LoggingLevel``, ``MaxConcurrencyPerInstance``), in this or in snake_case
        spelling; numbers that a template turned into text become numbers again. (templated)
    :param strict_settings: fail the task when the job shows that a setting was not taken, instead of
        warning about it. The job is cancelled. A setting of which the job does not tell stays a warning.
    :param azure_ml_conn_id: connection of type ``azure_ml``. (templated)
    :param storage_conn_id: connection of type ``onelake`` to the storage behind the datastores. With
        it an empty input folder and an occupied output are refused before the POST, and the output is
        checked after completion (there, newer than the job, with rows). (templated)
    :param wait_for_completion: wait for the job, or return its handle right after the submit.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param poll_interval: seconds between two looks at the job once it has been running for a while.
    :param cancel_on_kill: cancel the job when a person ends the task (clear, mark failed or success).
    :param on_clear: ``cancel`` or ``leave`` the job of the attempt before when a new one is opened.
    :param on_timeout: ``cancel`` or ``leave`` the job when ``execution_timeout`` is about to pass.

    Raises :class:`~airflow.sdk.exceptions.AirflowFailException` for calls and refusals that no retry
    can mend, ``AzureMLJobError`` for a job that did not complete.
    """

    template_fields: Sequence[str] = (
        "azure_ml_conn_id",
        "storage_conn_id",
        "endpoint_name",
        "deployment_name",
        "inputs",
        "outputs",
        "output_root",
        "job_settings",
    )
    template_fields_renderers = {"inputs": "json", "outputs": "json", "job_settings": "json"}  # noqa: RUF012 - Airflow's own form
    operator_extra_links = (AzureMLStudioJobLink(),)
    ui_color = "#d6e9f8"
    first_wait: float = TRIGGER_FLOOR
    settle_window: timedelta = SETTLE_WINDOW
    # Made when the task runs: Airflow copies operators, and a lock cannot be copied.
    _sleeper: Interruptible | None = None

    def __init__(
        self,
        *,
        endpoint_name: str,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        output_root: str | None = None,
        deployment_name: str | None = None,
        deployment_kind: str | None = None,
        job_settings: Mapping[str, Any] | None = None,
        strict_settings: bool = False,
        azure_ml_conn_id: str = AzureMLBatchHook.default_conn_name,
        storage_conn_id: str | None = None,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 30.0,
        cancel_on_kill: bool = True,
        on_clear: str = "cancel",
        on_timeout: str = "cancel",
        **kwargs: Any,
    ) -> None:
        # Each entry of the result is an XCom of its own too, so that score.output["job_name"] works.
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.endpoint_name = endpoint_name
        self.inputs = inputs
        self.outputs = outputs
        self.output_root = output_root
        self.deployment_name = deployment_name
        self.deployment_kind = deployment_kind
        self.job_settings = job_settings
        self.strict_settings = strict_settings
        self.azure_ml_conn_id = azure_ml_conn_id
        self.storage_conn_id = storage_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.cancel_on_kill = cancel_on_kill
        self.on_clear = on_clear
        self.on_timeout = on_timeout
        check_options(
            deployment_kind=deployment_kind,
            on_clear=on_clear,
            on_timeout=on_timeout,
            poll_interval=poll_interval,
        )
        self._warn_of_fixed_outputs()

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit once (or find the job of an earlier try), then wait as asked."""
        from airflow_provider_fabml.clients.read_back import confirm

        with airflow_errors(), ExitStack() as stack:
            invocation = self._parse()  # a wrong call costs no request, not even a token
            client = stack.enter_context(AzureMLBatchHook(self.azure_ml_conn_id).get_client())
            checks = stack.enter_context(data_checks(self.storage_conn_id, client))
            submitted = self._submit(context, invocation, client, checks)
            handle = submitted.handle
            context["ti"].xcom_push(key=JOB_XCOM_KEY, value=handle.to_json())
            self.log.info("Job %s: %s", handle.job_name, handle.studio_url)
            self.log.info(
                "Deployment %s, inputs %s, outputs %s",
                handle.deployment_name,
                handle.inputs,
                handle.outputs,
            )
            handle = confirm(client, submitted, invocation.settings, strict=self.strict_settings)
            if not self.wait_for_completion:
                return handle.to_json()
            return self._wait(context, client, checks, handle)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Resume after the trigger's event; the same result and errors as without deferring."""
        with airflow_errors(), ExitStack() as stack:
            handle = JobHandle.from_json(event["job"])
            if event["status"] == "error":
                raise PermanentError(event["message"], url=handle.studio_url or None)
            client = stack.enter_context(AzureMLBatchHook(self.azure_ml_conn_id).get_client())
            checks = stack.enter_context(data_checks(self.storage_conn_id, client))
            if event["status"] == "timeout":
                raise self._out_of_time(context, client, handle)
            return self._finish(context, client, checks, handle)

    def on_kill(self) -> None:
        """Only raise a flag: a worker's SIGTERM calls this while the task goes on running (D7)."""
        if self._sleeper is not None:
            self._sleeper.told_to_stop()

    def _submit(
        self,
        context: Context,
        invocation: Invocation,
        client: BatchEndpointClient,
        checks: DataChecks | None,
    ) -> Submitted:
        from airflow_provider_fabml.clients.submitter import Submitter

        plan = self._plan(context, invocation, checks)
        sleep = self._sleep_of(context)
        return Submitter(client, TaskMemory(context), plan, sleep=sleep).submit()

    def _parse(self) -> Invocation:
        return parse_invocation(
            endpoint_name=self.endpoint_name,
            deployment_name=self.deployment_name,
            inputs=self.inputs,
            outputs=self.outputs,
            output_root=self.output_root,
            job_settings=self.job_settings,
        )

    def _plan(self, context: Context, invocation: Invocation, checks: DataChecks | None) -> Plan:
        from airflow_provider_fabml.clients.submitter import Plan

        ti, identity = context["ti"], identity_of(context)
        for name in shared_outputs(invocation, identity.map_index):
            self.log.warning(
                "outputs[%r] does not tell the mapped tasks apart: they may overwrite each other. Use "
                "output_root, or {map_index} in the URI.",
                name,
            )
        return Plan(
            invocation=invocation,
            stated_kind=parse_kind(self.deployment_kind),
            identity=identity,
            situation=Situation(ti.try_number, ti.max_tries, digest(invocation)),
            tags=default_tags(identity),
            description=default_description(identity),
            cancel_before=self.on_clear == "cancel",
            before_post=checks.before_post if checks else _no_checks,
            settle_window=self.settle_window,
        )

    def _sleep_of(self, context: Context) -> Callable[[float], None]:
        """The sleep of this task: it notices that a person ended the task."""
        if self._sleeper is None:
            self._sleeper = Interruptible()
        sleeper = self._sleeper
        return lambda seconds: sleeper.sleep(seconds, lambda: still_running(context["ti"]))

    def _wait(
        self,
        context: Context,
        client: BatchEndpointClient,
        checks: DataChecks | None,
        handle: JobHandle,
    ) -> dict[str, Any]:
        deadline = self._deadline(context)
        if is_terminal(handle.status):  # never defer a finished job (D5)
            return self._finish(context, client, checks, handle)
        if self.deferrable and self._worth_deferring(deadline):
            self._defer(handle, deadline)
        outcome = self._wait_here(context, client, handle, deadline)
        if isinstance(outcome, OutOfTime):
            raise self._out_of_time(context, client, handle._replace(status=outcome.last))
        return self._finish(context, client, checks, handle._replace(status=outcome.status))

    def _deadline(self, context: Context) -> datetime | None:
        start = context["ti"].start_date
        return deadline_of(start, self.execution_timeout) if start else None

    def _worth_deferring(self, deadline: datetime | None) -> bool:
        """Whether the trigger's first look would come before the deadline."""
        return deadline is None or deadline - utcnow() > timedelta(seconds=self.first_wait)

    def _defer(self, handle: JobHandle, deadline: datetime | None) -> None:
        from airflow_provider_fabml.triggers.azure_ml import AzureMLBatchJobTrigger

        self.defer(
            trigger=AzureMLBatchJobTrigger(
                azure_ml_conn_id=self.azure_ml_conn_id,
                job=handle.to_json(),
                poll_interval=self.poll_interval,
                deadline=deadline.isoformat() if deadline else None,
                cancel_on_kill=self.cancel_on_kill,
                first_wait=self.first_wait,
            ),
            method_name="execute_complete",
        )

    def _wait_here(
        self,
        context: Context,
        client: BatchEndpointClient,
        handle: JobHandle,
        deadline: datetime | None,
    ) -> Any:
        try:
            return wait_for_job(
                client,
                handle,
                Pace(self.poll_interval),
                deadline=deadline,
                sleep=self._sleep_of(context),
            )
        except TaskEndedError:
            from airflow_provider_fabml.clients.completion import cancelled

            if self.cancel_on_kill:
                self.log.info("Job %s: %s", handle.job_name, cancelled(handle, client))
            raise

    def _out_of_time(
        self, context: Context, client: BatchEndpointClient, handle: JobHandle
    ) -> OutOfTimeError:
        from airflow_provider_fabml.clients.completion import out_of_time

        cancel = self.on_timeout == "cancel"
        if cancel:  # a job that is being cancelled is nothing for a later try to wait for
            TaskMemory(context).spend()
        return out_of_time(handle, client, limit=self.execution_timeout, cancel=cancel)

    def _finish(
        self,
        context: Context,
        client: BatchEndpointClient,
        checks: DataChecks | None,
        handle: JobHandle,
    ) -> dict[str, Any]:
        """The result of a job that has ended, and the asset events that carry its facts."""
        from airflow_provider_fabml.clients.completion import result_of

        try:
            result = result_of(handle, client, checks)
        except OutputNotUsableError:
            TaskMemory(context).spend()  # the same job would give the same result
            raise
        context["ti"].xcom_push(key=JOB_XCOM_KEY, value=handle.to_json())
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {"azure_ml_job": result}
        return result

    def _warn_of_fixed_outputs(self) -> None:
        for name in fixed_outputs(self.outputs):
            self.log.warning(
                "outputs[%r] of task %s is the same in every run; a second run will find it occupied."
                " Leave its URI out and give output_root, or use a template or {attempt} in it.",
                name,
                self.task_id,
            )


def _no_checks(_invocation: object, _outputs: object) -> None:
    """Without a storage connection nothing is looked at before the POST."""
