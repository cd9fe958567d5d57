"""Waits until data has landed in the folder that a OneLake shortcut points to."""

from __future__ import annotations

import random
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import PokeReturnValue
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_fabml.core.connections.connection_id import check_connection_id
from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.core.storage.dates import dated
from airflow_provider_fabml.core.storage.landing import (
    VERDICT_XCOM_KEY,
    landing,
    may_be_waited_out,
    same_reason,
    timeout_text,
    verdict_text,
)
from airflow_provider_fabml.core.storage.predicate import parse_predicate
from airflow_provider_fabml.core.storage.readiness_rules import (
    RULE_NAMES,
    parse_flag,
    parse_rules,
    quiet_warning,
    rules_are_final,
)
from airflow_provider_fabml.core.storage.rules import Rules
from airflow_provider_fabml.core.storage.uri_text import waits
from airflow_provider_fabml.core.storage.waited_for import (
    WaitedFor,
    check_start_from_trigger,
    date_of,
    waited_for,
)
from airflow_provider_fabml.core.storage.watched_path import check_watched_path
from airflow_provider_fabml.hooks.airflow_errors import airflow_errors
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.sensors.base import NET, UniformSensor
from airflow_provider_fabml.triggers.onelake import OneLakeShortcutTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_fabml.clients.storage import StorageClient
    from airflow_provider_fabml.core.storage.location import Location


class OneLakeShortcutSensor(UniformSensor):
    """Waits for files to land in ADLS Gen2 or OneLake, and returns where and what they are.

    Directories, ``_temporary``, names that begin with ``_`` or ``.``, and 0-byte files never count.
    All rules given must hold. Poke, reschedule and deferrable return the same and fail alike: a
    refusal (403, missing container, malformed path) fails at once, what may pass (429, 5xx, no
    connection) is waited out, and a timeout says why the data was not ready. While it waits, the
    XCom ``onelake_verdict`` says so.

    :param path: ``Files/<shortcut>/<path>``, ``abfss://``, ``https://`` (blob or dfs host),
        OneLake URL or ``azureml://datastores/<name>/paths/<path>``; a folder, or one file. The run's
        date is written into ``%Y %m %d %H %M %j %y %G %V``, in UTC as ``{{ ds }}`` is:
        ``date=%Y-%m-%d``; a ``%`` of its own is ``%%``. (templated)
    :param glob: pattern below the path; ``*`` stays within a folder, ``**`` crosses folders. (templated)
    :param min_count: least number of files. (templated)
    :param min_bytes: least sum of their sizes. (templated)
    :param min_file_bytes: least size of each file; a smaller one holds all back. (templated)
    :param marker: exact name below the path (e.g. ``_SUCCESS``) that is written last. (templated)
    :param marker_last: the marker vouches for no file that was written after it, as when data is
        appended below an old ``_SUCCESS``. False takes a marker of any age: for copies (AzCopy) that
        may bring it before the files.
    :param quiet_for: seconds (or `timedelta`) since the last write, by the server's clock, also to
        hidden names below the path, such as a part in ``_temporary`` (with `glob`, below the folder
        that it begins with; of a Delta table only commits count). Only this, a marker or a manifest
        tells that a file of more than 0 bytes is complete. (templated)
    :param allow_empty_files: count 0-byte files as well.
    :param delta_version: the path is a Delta table that has reached this version (0: any). (templated)
    :param manifest: the files that must be there, and no other counts: ``{name: bytes or None}``, or
        the name of a JSON file below the path that says so. (templated)
    :param predicate: ``module:function``, or the function of a module: only files for which it
        returns true (name, size, etag, last_modified) count.
    :param onelake_conn_id: connection of type ``onelake`` or ``wasb``. (templated)
    :param wait_for_access: wait where the container is missing or access is refused (403).
    :param start_from_trigger: begin in the triggerer, so that no worker is needed before the end.
    :param deferrable: wait in the triggerer, without a worker slot.
    """

    template_fields: Sequence[str] = (
        "path",
        "glob",
        "min_count",
        "min_bytes",
        "min_file_bytes",
        "marker",
        "quiet_for",
        "delta_version",
        "manifest",
        "onelake_conn_id",
    )
    ui_color = "#d7ecf5"
    _when: datetime | None = None
    _location: Location | None = None
    _rules = Rules()

    def __init__(
        self,
        *,
        path: str,
        glob: str | None = None,
        min_count: int | str = 1,
        min_bytes: int | str = 0,
        min_file_bytes: int | str = 0,
        marker: str | None = None,
        quiet_for: float | timedelta | str = 0,
        allow_empty_files: bool = False,
        marker_last: bool = True,
        delta_version: int | str | None = None,
        manifest: str | Mapping[str, int | None] | None = None,
        predicate: str | Callable[[str, int, str, datetime], bool] | None = None,
        onelake_conn_id: str = OneLakeStorageHook.default_conn_name,
        wait_for_access: bool = False,
        start_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**({"deferrable": True} if start_from_trigger else {}) | kwargs)
        self.path = path
        self.glob = glob
        self.min_count = min_count
        self.min_bytes = min_bytes
        self.min_file_bytes = min_file_bytes
        self.marker = marker
        self.quiet_for = quiet_for
        self.allow_empty_files = allow_empty_files
        self.marker_last = marker_last
        self.delta_version = delta_version
        self.manifest = manifest
        self.predicate = None if predicate is None else parse_predicate(predicate)
        self.onelake_conn_id = onelake_conn_id
        self.wait_for_access = parse_flag(wait_for_access, field="wait_for_access")
        if not waits(onelake_conn_id):
            check_connection_id(onelake_conn_id, field="onelake_conn_id")
        check_watched_path(path, field="path")
        if rules_are_final(self._rule_values()):
            rules = parse_rules(**self._rule_values())
            if warning := quiet_warning(rules.quiet_for, self.timeout):
                warnings.warn(warning, UserWarning, stacklevel=2)
        if start_from_trigger:
            self._start_from_trigger()

    def _start_from_trigger(self) -> None:
        fields = {name: getattr(self, name) for name in self.template_fields}
        check_start_from_trigger(
            fields, deferrable=self.deferrable, reschedule=self.mode == "reschedule"
        )
        limit = timedelta(seconds=self.timeout) + NET
        limit = min(limit, self.execution_timeout or limit)
        if isinstance(self.quiet_for, timedelta):
            fields["quiet_for"] = self.quiet_for.total_seconds()
        self.start_from_trigger = True
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="airflow_provider_fabml.triggers.onelake_start.OneLakeShortcutStartTrigger",
            trigger_kwargs={
                **fields,
                "allow_empty_files": self.allow_empty_files,
                "marker_last": self.marker_last,
                "predicate": self.predicate,
                "timeout": self.timeout,
                "grace": max(limit.total_seconds() - self.timeout, 0),
                "poke_interval": self.poke_interval,
                "wait_for_access": self.wait_for_access,
            },
            next_method="execute_complete",
            timeout=limit,
        )

    def _rule_values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in RULE_NAMES}

    def connect(self) -> StorageClient:
        """One client for all looks of this process."""
        check_connection_id(self.onelake_conn_id, field="onelake_conn_id")
        return OneLakeStorageHook(self.onelake_conn_id).get_client()

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once."""
        self._when = date_of(context)
        with airflow_errors(), self.connected_client() as client:
            wanted = waited_for(self.path, self._rule_values(), context)
            self._rules, before = wanted.rules, self._reason
            found = self._look(client, wanted)
            if not same_reason(self._reason, before):
                self._show(context)
            return PokeReturnValue(is_done=found is not None, xcom_value=found)

    def _look(self, client: StorageClient, wanted: WaitedFor) -> dict[str, Any] | None:
        """Give what landed, or None and note why not."""
        try:
            location = self._resolved(wanted.path)
            verdict = client.probe(location, wanted.rules)
        except (TransientError, PermanentError) as error:
            self._wait_out(error)
            return None
        if not verdict.ready:
            self.note(verdict.reason)
            return None
        self._reason = f"ready: {verdict.reason}"
        self.log.info("Ready: %s has %s", location.url, verdict.reason)
        return landing(location, verdict)

    def _resolved(self, path: str) -> Location:
        """Resolve the path once a process: Fabric may be asked for it."""
        if self._location is None:
            self._location = OneLakeStorageHook(self.onelake_conn_id).resolve(path)
        return self._location

    def _wait_out(self, error: TransientError | PermanentError) -> None:
        """Note an error that may pass, and raise any other.

        A place that is not resolved yet cannot be handed to the triggerer: the task's retries ask again.
        """
        passes = isinstance(error, TransientError) or may_be_waited_out(
            error, asked=self.wait_for_access
        )
        if not passes or (self.deferrable and self._location is None):
            raise error
        self.note(str(error))

    def _show(self, context: Context) -> None:
        """Put the verdict where the UI shows it: into an XCom, in every mode."""
        context["ti"].xcom_push(
            VERDICT_XCOM_KEY, verdict_text(self._reason or "", datetime.now(UTC))
        )

    def is_news(self, reason: str) -> bool:
        """Whether the reason differs from the last by more than the age of the newest file."""
        return not same_reason(reason, self._reason)

    def defer_until(self, deadline: datetime) -> NoReturn:
        """Wait in the triggerer; the framework's timeout lies behind the trigger's deadline."""
        location = self._resolved("")  # the first look has resolved it
        self.defer(
            trigger=OneLakeShortcutTrigger(
                onelake_conn_id=self.onelake_conn_id,
                location=location.to_json(),
                rules=self._rules.to_json(),
                deadline=deadline.isoformat(),
                poke_interval=self.poke_interval,
                jitter=random.random(),  # noqa: S311 (spreads load, keeps no secret)
                first_wait=self.first_wait,
                wait_for_access=self.wait_for_access,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout) + NET,
        )
        raise AssertionError  # defer() has raised

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return what the trigger found, or end as the other modes do."""
        self._when = date_of(context)
        self._reason = event.get("message") or "ready"
        self._show(context)
        return super().execute_complete(context, event)

    def completed(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return what the trigger found."""
        found: dict[str, Any] = event["landing"]
        self.log.info("Ready: %s has %s files", found["uri"], found["count"])
        return found

    def timeout_text(self, reason: str | None) -> str:
        """Which path, how long, and why it was not ready."""
        path = self.path if self._when is None else dated(self.path, self._when, field="path")
        return timeout_text(path, self.timeout, reason)
