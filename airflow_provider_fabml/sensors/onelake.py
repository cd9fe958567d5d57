"""Waits until data has landed in the folder that a OneLake shortcut points to."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import PokeReturnValue

from airflow_provider_fabml.core.errors import TransientError
from airflow_provider_fabml.core.storage.landing import landing, same_reason, timeout_text
from airflow_provider_fabml.core.storage.location import check_path_shape
from airflow_provider_fabml.core.storage.readiness_rules import parse_rules, rules_are_final
from airflow_provider_fabml.hooks.airflow_errors import airflow_errors
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.sensors.base import NET, UniformSensor
from airflow_provider_fabml.triggers.onelake import OneLakeShortcutTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_fabml.clients.storage import StorageClient
    from airflow_provider_fabml.core.storage.location import Location
    from airflow_provider_fabml.core.storage.readiness import Rules


class OneLakeShortcutSensor(UniformSensor):
    """Waits for files to land in ADLS Gen2 or OneLake, and returns where and what they are.

    Directories, ``_temporary``, names that begin with ``_`` or ``.``, and 0-byte files never count.
    All rules given must hold. Poke, reschedule and deferrable return the same and fail alike: a
    refusal (403, missing container, malformed path) fails at once, what may pass (429, 5xx, no
    connection) is waited out, and a timeout says why the data was not ready.

    :param path: ``Files/<shortcut>/<path>``, ``abfss://``, ``https://`` (blob or dfs host),
        OneLake URL or ``azureml://datastores/<name>/paths/<path>``; a folder, or one file. (templated)
    :param glob: pattern below the path; ``*`` stays within a folder, ``**`` crosses folders. (templated)
    :param min_files: least number of files. (templated)
    :param min_bytes: least sum of their sizes. (templated)
    :param marker: exact name below the path (e.g. ``_SUCCESS``) that is written last. (templated)
    :param quiet_period: seconds (or `timedelta`) since the last write, by the server's clock. Only
        this or a marker tells that a file of more than 0 bytes is complete. (templated)
    :param allow_empty_files: count 0-byte files as well.
    :param onelake_conn_id: connection of type ``onelake`` or ``wasb``. (templated)
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
        check_path_shape(path, field="path")
        if rules_are_final(self._rule_values()):
            self._rules()

    def _rule_values(self) -> dict[str, Any]:
        names = ("glob", "min_files", "min_bytes", "marker", "quiet_period", "allow_empty_files")
        return {name: getattr(self, name) for name in names}

    def _rules(self) -> Rules:
        return parse_rules(**self._rule_values())

    def connect(self) -> StorageClient:
        """One client for all looks of this process."""
        return OneLakeStorageHook(self.onelake_conn_id).get_client()

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once."""
        with airflow_errors(), self.connected_client() as client:
            return self._look(client, self._location(), self._rules())

    def _location(self) -> Location:
        return OneLakeStorageHook(self.onelake_conn_id).resolve(self.path)

    def _look(self, client: StorageClient, location: Location, rules: Rules) -> PokeReturnValue:
        try:
            verdict = client.probe(location, rules)
        except TransientError as error:
            self.note(str(error))
            return PokeReturnValue(is_done=False)
        if verdict.ready:
            self.log.info("Ready: %s has %s", location.url, verdict.reason)
            return PokeReturnValue(is_done=True, xcom_value=landing(location, verdict))
        self.note(verdict.reason)
        return PokeReturnValue(is_done=False)

    def is_news(self, reason: str) -> bool:
        """Whether the reason differs from the last by more than the age of the newest file."""
        return not same_reason(reason, self._reason)

    def defer_until(self, deadline: datetime) -> NoReturn:
        """Wait in the triggerer; the framework's timeout lies behind the trigger's deadline."""
        self.defer(
            trigger=OneLakeShortcutTrigger(
                onelake_conn_id=self.onelake_conn_id,
                location=self._location().to_json(),
                rules=self._rules().to_json(),
                deadline=deadline.isoformat(),
                poke_interval=self.poke_interval,
                jitter=random.random(),  # noqa: S311 (spreads load, keeps no secret)
                first_wait=self.first_wait,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout) + NET,
        )
        raise AssertionError  # defer() has raised

    def completed(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return what the trigger found."""
        found: dict[str, Any] = event["landing"]
        self.log.info("Ready: %s has %s files", found["uri"], found["count"])
        return found

    def timeout_text(self, reason: str | None) -> str:
        """Which path, how long, and why it was not ready."""
        return timeout_text(self.path, self.timeout, reason)
