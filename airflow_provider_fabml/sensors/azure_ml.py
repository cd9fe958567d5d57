"""Waits for a batch job that something else started."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import PokeReturnValue
from airflow.sdk.timezone import utcnow

from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.core.jobs.job import JOB_XCOM_KEY, JobHandle, is_terminal
from airflow_provider_fabml.core.jobs.job_reference import check_job, handle_of, told_by
from airflow_provider_fabml.core.jobs.watch import Refusals, Refused
from airflow_provider_fabml.hooks.airflow_errors import airflow_errors
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.hooks.data_checks import data_checks
from airflow_provider_fabml.links.azure_ml import AzureMLStudioJobLink
from airflow_provider_fabml.sensors.base import NET, UniformSensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from airflow.sdk import Context, XComArg

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient


REFUSALS_KEY = "fabml_refusals"


class AzureMLBatchJobSensor(UniformSensor):
    """Waits until a batch job has completed; a job that failed or was canceled fails the task at once.

    Returns the job's handle as
    :class:`~airflow_provider_fabml.operators.azure_ml.AzureMLInvokeBatchEndpointOperator` does, with
    ``checked_outputs``. Poke, reschedule and deferrable return the same and fail alike.

    :param job: the handle that the invoke operator returned, or a job's name. (templated)
    :param azure_ml_conn_id: connection of type ``azure_ml``. (templated)
    :param storage_conn_id: connection of type ``onelake``; with it the outputs of a completed job are
        checked (there, newer than the job, with rows). (templated)
    :param write_manifest: leave ``_manifest.json`` beside the outputs, as the invoke operator does when
        it waits itself. Needs ``storage_conn_id`` and the operator's handle, not a bare name.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param poke_interval: seconds between two looks.
    :param timeout: seconds until the sensor gives up; the job is left running.
    :param soft_fail: skip instead of failing, for a timeout and for a job that did not complete.
    """

    template_fields: Sequence[str] = ("job", "azure_ml_conn_id", "storage_conn_id")
    operator_extra_links = (AzureMLStudioJobLink(),)
    ui_color = "#e3eefb"
    _seen: JobHandle | None = None
    _shown = _forgiven = False

    def __init__(
        self,
        *,
        job: str | Mapping[str, Any] | XComArg,
        azure_ml_conn_id: str = AzureMLBatchHook.default_conn_name,
        storage_conn_id: str | None = None,
        write_manifest: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.azure_ml_conn_id = azure_ml_conn_id
        self.storage_conn_id = storage_conn_id
        self.write_manifest = write_manifest
        check_job(job)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once."""
        handle = handle_of(self.job)
        with airflow_errors(job_is_final=True), self.connected_client() as client:
            try:
                view = client.get_job(handle.job_name)
            except (TransientError, PermanentError) as error:
                if isinstance(error, PermanentError):
                    self._count(context, error)
                self.note(str(error))
                return False
            self._forgive(context)
            self._seen = told_by(handle, view)
            self._show(context, self._seen)
            if not is_terminal(view.status):
                self.note(f"the job is {view.status}")
                return False
            return PokeReturnValue(is_done=True, xcom_value=self._result(client, self._seen))

    def timeout_text(self, reason: str | None) -> str:
        """Which job, how long, and its last known state."""
        name = handle_of(self.job).job_name
        return f"job {name} has not ended after {self.timeout:g} s: {reason or 'never seen'}"

    def defer_until(self, deadline: datetime) -> NoReturn:
        """Wait in the triggerer; the framework's timeout lies behind the trigger's deadline."""
        from airflow_provider_fabml.triggers.azure_ml import AzureMLBatchJobTrigger

        self.defer(
            trigger=AzureMLBatchJobTrigger(
                azure_ml_conn_id=self.azure_ml_conn_id,
                job=(self._seen or handle_of(self.job)).to_json(),
                poll_interval=max(self.poke_interval, 1.0),
                deadline=deadline.isoformat(),
                cancel_on_kill=False,  # someone else's job
                on_clear="leave",
                on_timeout="leave",
                first_wait=self.first_wait,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout) + NET,
        )
        raise AssertionError  # defer() has raised

    def completed(self, event: dict[str, Any]) -> dict[str, Any]:
        """The result of a job that the trigger saw end."""
        with airflow_errors(job_is_final=True), self.connected_client() as client:
            return self._result(client, JobHandle.from_json(event["job"]))

    def connect(self) -> BatchEndpointClient:
        """One client, and one token, for all looks of this process."""
        return AzureMLBatchHook(self.azure_ml_conn_id).get_client()

    def _result(self, client: BatchEndpointClient, handle: JobHandle) -> dict[str, Any]:
        """The result; a failure is the end at once: no look makes another job, so none is retried."""
        from airflow_provider_fabml.clients.completion import finish

        with data_checks(self.storage_conn_id, client) as checks:
            return finish(handle, client, checks, write_manifest=self.write_manifest).result

    def _count(self, context: Context, error: PermanentError) -> None:
        """Raises the error of a job that may never have been, and of refusals that last (see ``watch``).

        A job that was seen, or of which there is a handle, has been started: a refusal may pass.

        They are counted in the task state store: in reschedule mode each look is another process.
        """
        stored = context["task_state_store"].get(REFUSALS_KEY, default=None)
        if not isinstance(stored, dict):
            if not isinstance(self.job, dict):
                raise error
            stored = Refusals().to_json()
        refusals = Refusals.from_json(stored).and_one(utcnow())
        if refusals.too_many(utcnow()):
            raise PermanentError(Refused("", str(error)).what)
        self._forgiven = False
        context["task_state_store"].set(REFUSALS_KEY, refusals.to_json())

    def _forgive(self, context: Context) -> None:
        """The job was seen: refusals before it count no more."""
        if not self._forgiven:
            context["task_state_store"].set(REFUSALS_KEY, Refusals().to_json())
            self._forgiven = True

    def _show(self, context: Context, handle: JobHandle) -> None:
        """Give the studio link its XCom, once a process."""
        if not self._shown:
            context["ti"].xcom_push(key=JOB_XCOM_KEY, value=handle.to_json())
            self._shown = True
