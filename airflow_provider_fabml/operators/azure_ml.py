"""Starts a batch job on an Azure ML batch endpoint, once, and waits for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowTaskTimeout, TaskDeferralTimeout
from airflow.sdk.timezone import utcnow

from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.jobs.job import JobHandle, is_terminal
from airflow_provider_fabml.core.jobs.known import PATIENCE, SEND_WINDOW
from airflow_provider_fabml.core.jobs.look_up import SETTLE_WINDOW
from airflow_provider_fabml.core.jobs.polling import TRIGGER_FLOOR
from airflow_provider_fabml.core.options import check_options
from airflow_provider_fabml.core.scoring.invocation import fixed_outputs, parse_invocation
from airflow_provider_fabml.hooks.airflow_errors import airflow_errors
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.hooks.keywords import check_operator_keywords
from airflow_provider_fabml.links.azure_ml import AzureMLStudioJobLink
from airflow_provider_fabml.operators.scoring_run import ScoringRun
from airflow_provider_fabml.operators.worker_wait import Interruptible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_fabml.core.scoring.invocation import Invocation


class AzureMLInvokeBatchEndpointOperator(BaseOperator):
    """Score data with an Azure ML batch endpoint: one job for each attempt, whatever breaks.

    The result, and the XCom ``azure_ml_job`` right after the submit, is the job's handle as plain
    JSON: ``job_name``, ``endpoint_name``, ``deployment_name``, ``status``, ``studio_url``,
    ``inputs``, ``outputs`` (``{"score": {"type": "UriFile", "uri": "azureml://…"}}``),
    ``submitted_at``, ``attempt``, ``invocation_id``, ``run`` (who had it started), and after completion
    ``checked_outputs``.

    :param endpoint_name: name of the batch endpoint. (templated)
    :param inputs: by name, :class:`~airflow_provider_fabml.UriFolder`, ``UriFile``, ``LiteralInput``
        …, or Fabric's ``{"JobInputType": "UriFolder", "Uri": "azureml://…"}``. (templated)
    :param outputs: by name, ``UriFile`` or ``UriFolder``, or Fabric's ``{"JobOutputType": …}``. An
        output without a URI is placed below ``output_root``; ``{attempt}`` in a URI becomes the
        attempt's name (``1-3f9c2a7b``), ``{map_index}`` the mapped task's number. (templated)
    :param output_root: datastore folder below which every attempt gets a folder of its own:
        ``<root>/<dag>/[<partition>/]<run>/<task>[/~map<index>]/<attempt>/``, the last with a few
        characters of chance, so that a run created anew never meets an old folder. This or ``outputs`` is
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
    :param write_manifest: leave ``_manifest.json`` beside each checked output: job, endpoint, deployment,
        inputs as they were (count, bytes, digest), outputs, run, partition, attempt, times. A scoring counts
        as finished only with it; a job that failed leaves it when no other try of the task follows. Needs
        ``storage_conn_id`` and the right to write there. Without it a run that a router asked for makes no
        claim on its data either.
    :param wait_for_completion: wait for the job, or return its handle right after the submit.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param poll_interval: seconds between two looks at the job once it has been running for a while.
    :param cancel_on_kill: cancel the job when a person ends the task (marks it or its run, deletes the
        run) or the run's ``dagrun_timeout`` does.
    :param on_clear: ``cancel`` or ``leave`` the job when the task is cleared; the next try starts another.
    :param on_timeout: ``cancel`` or ``leave`` the job when ``execution_timeout`` is about to pass.

    With ``retry_policy=AzureMLRetryPolicy()`` (``airflow_provider_fabml.retry_policies.azure_ml``) a job
    that failed for a lasting reason is not started again, and pre-emption, quota and throttling are
    retried when Azure says.

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
    # Airflow's own timeout stays behind the trigger's deadline, for a triggerer that is down.
    net: timedelta = timedelta(minutes=5)
    settle_window: timedelta = SETTLE_WINDOW
    send_window: timedelta = SEND_WINDOW
    patience: timedelta = PATIENCE
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
        write_manifest: bool = True,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 30.0,
        cancel_on_kill: bool = True,
        on_clear: str = "cancel",
        on_timeout: str = "cancel",
        **kwargs: Any,
    ) -> None:
        # Each entry of the result is an XCom of its own too, so that score.output["job_name"] works.
        check_operator_keywords(type(self), kwargs)
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
        self.write_manifest = write_manifest
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
        with airflow_errors():
            invocation = self._parse()  # a wrong call costs no request, not even a token
            with self._run(context) as run:
                try:
                    return self._score(run, invocation)
                except AirflowTaskTimeout:
                    return run.timed_out()

    def _score(self, run: ScoringRun, invocation: Invocation) -> dict[str, Any]:
        submitted = run.submit(invocation)
        handle = run.confirm(submitted, invocation.settings)
        if not self.wait_for_completion:
            return handle.to_json()
        if self._worth_deferring(handle, submitted.deadline):
            run.heed()
            self._defer(handle, submitted.deadline)
        return run.wait(handle, submitted.deadline)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Resume after the trigger's event; the same result and errors as without deferring."""
        with airflow_errors():
            handle = JobHandle.from_json(event["job"])
            if event["status"] == "error":
                raise PermanentError(event["message"], url=handle.studio_url or None)
            with self._run(context) as run:
                if event["status"] == "timeout":
                    return run.last_look(handle)
                return run.finish(handle)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """Resume after the trigger's event, or after Airflow's own timeout where none came."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            with airflow_errors(), self._run(context) as run:
                return run.last_look()

    def on_kill(self) -> None:
        """Only raise a flag: a worker's SIGTERM calls this while the task goes on running (D7)."""
        if self._sleeper is not None:
            self._sleeper.told_to_stop()

    def _run(self, context: Context) -> ScoringRun:
        if self._sleeper is None:
            self._sleeper = Interruptible()
        return ScoringRun(self, context, self._sleeper)

    def _parse(self) -> Invocation:
        return parse_invocation(
            endpoint_name=self.endpoint_name,
            deployment_name=self.deployment_name,
            inputs=self.inputs,
            outputs=self.outputs,
            output_root=self.output_root,
            job_settings=self.job_settings,
        )

    def _worth_deferring(self, handle: JobHandle, deadline: datetime | None) -> bool:
        """Not for a finished job (D5), nor where the trigger's first look would come too late."""
        if not self.deferrable or is_terminal(handle.status):
            return False
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
                on_clear=self.on_clear,
                on_timeout=self.on_timeout,
                first_wait=self.first_wait,
            ),
            method_name="execute_complete",
            timeout=deadline - utcnow() + self.net if deadline else None,
        )

    def _warn_of_fixed_outputs(self) -> None:
        for name in fixed_outputs(self.outputs):
            self.log.warning(
                "outputs[%r] of task %s is the same in every run; a second run will find it occupied."
                " Leave its URI out and give output_root, or use a template or {attempt} in it.",
                name,
                self.task_id,
            )
