"""Waits until data has landed in the folder that a OneLake shortcut points to."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferralTimeout,
)

from airflow_provider_fabml.core.errors import TransientError
from airflow_provider_fabml.core.landing import landing, same_reason, timeout_text
from airflow_provider_fabml.core.location import check_path_shape
from airflow_provider_fabml.core.polling import TRIGGER_FLOOR
from airflow_provider_fabml.core.readiness_rules import parse_rules, rules_are_final
from airflow_provider_fabml.hooks.airflow_errors import airflow_errors
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.triggers.onelake import OneLakeShortcutTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_fabml.clients.storage import StorageClient
    from airflow_provider_fabml.core.location import Location
    from airflow_provider_fabml.core.readiness import Rules

# The framework's own timeout stays behind the trigger's deadline, for a triggerer that is down.
_NET = timedelta(minutes=5)


class OneLakeShortcutSensor(BaseSensorOperator):
    """Waits for files to land in ADLS Gen2 or OneLake, and returns where and what they are.

    Directories, ``_temporary``, names that begin with ``_`` or ``.``, and 0-byte files never count.
    All rules given must hold. Poke, reschedule and deferrable return the same and fail alike: a
    refusal (403, missing container, malformed path) fails at once, what may pass (429, 5xx, no
    connection) is waited out, and a timeout says why the data was not ready.

    :param path: ``Files/<shortcut>/<path>``, ``abfss://``, ``https://`` (blob or dfs host),
        OneLake URL or ``azureml://datastores/<name>/paths/<path>``; a folder, or one file.
    :param glob: pattern below the path; ``*`` stays within a folder, ``**`` crosses folders.
    :param min_files: least number of files.
    :param min_bytes: least sum of their sizes.
    :param marker: exact name below the path (e.g. ``_SUCCESS``) that is written last.
    :param quiet_period: seconds (or `timedelta`) since the last write, by the server's clock. Only
        this or a marker tells that a file of more than 0 bytes is complete.
    :param allow_empty_files: count 0-byte files as well.
    :param onelake_conn_id: connection of type ``onelake`` or ``wasb``.
    :param deferrable: wait in the triggerer, without a worker slot.
    """

    template_fields: Sequence[str] = (
        "path",
        "glob",
        "min_files",
        "min_bytes",
        "marker",
        "quiet_period",
        "onelake_conn_id",
    )
    ui_color = "#d7ecf5"
    first_wait: float = TRIGGER_FLOOR

    def __init__(
        self,
        *,
        path: str,
        glob: str | None = None,
        min_files: int | str = 1,
        min_bytes: int | str = 0,
        marker: str | None = None,
        quiet_period: float | timedelta | str = 0,
        allow_empty_files: bool = False,
        onelake_conn_id: str = OneLakeStorageHook.default_conn_name,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.glob = glob
        self.min_files = min_files
        self.min_bytes = min_bytes
        self.marker = marker
        self.quiet_period = quiet_period
        self.allow_empty_files = allow_empty_files
        self.onelake_conn_id = onelake_conn_id
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self._client: StorageClient | None = None
        self._reason: str | None = None
        check_path_shape(path, field="path")
        if rules_are_final(self._rule_values()):
            self._rules()

    def _rule_values(self) -> dict[str, Any]:
        names = ("glob", "min_files", "min_bytes", "marker", "quiet_period", "allow_empty_files")
        return {name: getattr(self, name) for name in names}

    def _rules(self) -> Rules:
        return parse_rules(**self._rule_values())

    def execute(self, context: Context) -> Any:
        """Wait as the mode says, with one client for all looks of this process."""
        started = datetime.now(UTC)
        try:
            with airflow_errors(), self._new_client() as client:
                self._client = client
                if self.deferrable and self.timeout > self.first_wait:
                    return self._look_or_defer(context, started)
                return super().execute(context)
        except AirflowSensorTimeout:
            self._end(AirflowSensorTimeout(self._timeout_text(self._reason)))
        except AirflowSkipException as skip:
            # The base class skips with a text of its own and keeps the error as its cause.
            self._end(skip.__cause__ or AirflowSensorTimeout(self._timeout_text(self._reason)))
        except AirflowFailException as error:
            self._end(error)
        finally:
            self._client = None

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        with airflow_errors():
            rules = self._rules()
            location = OneLakeStorageHook(self.onelake_conn_id).resolve(self.path)
            if self._client is not None:
                return self._look(self._client, location, rules)
            with self._new_client() as client:
                return self._look(client, location, rules)

    def _new_client(self) -> StorageClient:
        return OneLakeStorageHook(self.onelake_conn_id).get_client(retry_total=1)

    def _look(self, client: StorageClient, location: Location, rules: Rules) -> PokeReturnValue:
        try:
            verdict = client.probe(location, rules)
        except TransientError as error:
            self._note(str(error))
            return PokeReturnValue(is_done=False)
        if verdict.ready:
            self.log.info("Ready: %s has %s", location.url, verdict.reason)
            return PokeReturnValue(is_done=True, xcom_value=landing(location, verdict))
        self._note(verdict.reason)
        return PokeReturnValue(is_done=False)

    def _note(self, reason: str) -> None:
        """Keep the reason for the timeout's text, and log it when it is a new one."""
        if not same_reason(reason, self._reason):
            self.log.info("Not ready: %s", reason)
        self._reason = reason

    def _look_or_defer(self, context: Context, started: datetime) -> Any:
        found = self.poke(context)
        if not found:
            self._defer(deadline=started + timedelta(seconds=self.timeout))
        return found.xcom_value

    def _defer(self, *, deadline: datetime) -> NoReturn:
        location = OneLakeStorageHook(self.onelake_conn_id).resolve(self.path)
        self.defer(
            trigger=OneLakeShortcutTrigger(
                onelake_conn_id=self.onelake_conn_id,
                location=location.to_json(),
                rules=self._rules().to_json(),
                deadline=deadline.isoformat(),
                poke_interval=self.poke_interval,
                jitter=random.random(),  # noqa: S311 (spreads load, keeps no secret)
                first_wait=self.first_wait,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout) + _NET,
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return what the trigger found, or end as the other modes do."""
        if event["status"] == "ready":
            found: dict[str, Any] = event["landing"]
            self.log.info("Ready: %s has %s files", found["uri"], found["count"])
            return found
        if event["status"] == "timeout":
            raise AirflowSensorTimeout(self._timeout_text(event["reason"]))
        raise AirflowFailException(event["message"])

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """Resume, past the base class: it would replace the reason by a fixed text."""
        try:
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            reason = "the triggerer did not report before the deadline"
            self._end(AirflowSensorTimeout(self._timeout_text(reason)))
        except (AirflowSensorTimeout, AirflowFailException) as error:
            self._end(error)

    def _timeout_text(self, reason: str | None) -> str:
        return timeout_text(self.path, self.timeout, reason)

    def _end(self, error: BaseException) -> NoReturn:
        """Fail, or skip under `soft_fail` and `never_fail`, with the same words in every mode."""
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(str(error)) from error
        if isinstance(error, AirflowException):
            raise error
        raise AirflowFailException(str(error)) from error
