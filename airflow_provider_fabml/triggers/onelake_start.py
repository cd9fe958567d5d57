"""Waits for data to land on behalf of a task that no worker has begun."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.storage.readiness_rules import RULE_NAMES
from airflow_provider_fabml.core.storage.waited_for import Plan, waited_for
from airflow_provider_fabml.triggers.onelake import OneLakeShortcutTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook


class OneLakeShortcutStartTrigger(OneLakeShortcutTrigger):
    """The same for a task that no worker has begun (``start_from_trigger``).

    Airflow renders its templates in the triggerer; path, rules and dates are read here.

    :param onelake_conn_id: connection of type ``onelake`` or ``wasb``.
    :param path: where to look, as the sensor takes it; rendered by Airflow.
    :param timeout: seconds until the last look, from the start of the task's try.
    :param grace: seconds by which Airflow's own timeout lies behind that.
    :param poke_interval: seconds between two looks.
    :param jitter: in [0, 1), spreads many triggers over a tenth of the interval.
    :param wait_for_access: wait where the container is missing or access is refused.

    All other keywords are the rules, as the sensor takes them.
    """

    timeout_after: datetime | None = None  # set by the triggerer: Airflow's own timeout

    def __init__(
        self,
        *,
        onelake_conn_id: str,
        path: str,
        timeout: float,
        grace: float = 0.0,
        poke_interval: float = 60.0,
        jitter: float = 0.5,
        wait_for_access: bool = False,
        **rule_values: Any,
    ) -> None:
        super().__init__(
            onelake_conn_id=onelake_conn_id,
            poke_interval=poke_interval,
            jitter=jitter,
            # No worker has looked, and no event of an executor can cross a short deferral (D5).
            first_wait=0.0,
            wait_for_access=wait_for_access,
        )
        self.path = path
        self.timeout = timeout
        self.grace = grace
        self._names = tuple(name for name in RULE_NAMES if name in rule_values)
        # One attribute a rule: Airflow renders a trigger's attributes by the sensor's field names.
        self.__dict__.update({name: rule_values[name] for name in self._names})

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and keywords, all plain JSON and without secrets."""
        return (
            "airflow_provider_fabml.triggers.onelake_start.OneLakeShortcutStartTrigger",
            {
                "onelake_conn_id": self.onelake_conn_id,
                "path": self.path,
                "timeout": self.timeout,
                "grace": self.grace,
                "poke_interval": self.poke_interval,
                "jitter": self.jitter,
                "wait_for_access": self.wait_for_access,
                **{name: getattr(self, name) for name in self._names},
            },
        )

    async def plan(self, hook: OneLakeStorageHook) -> Plan:
        """What was rendered, resolved with the connection (and Fabric, where it is asked)."""
        context: Mapping[str, Any] = getattr(self.task_instance, "get_template_context", dict)()
        values = {name: getattr(self, name) for name in self._names}
        path, rules = waited_for(self.path, values, context)
        return Plan(await hook.aresolve(path), rules)

    def ends(self) -> datetime:
        """Airflow's own timeout is an instant in its database, so this survives restarts."""
        if self.timeout_after is None:
            return datetime.now(UTC) + timedelta(seconds=self.timeout)
        instant = self.timeout_after
        instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return instant - timedelta(seconds=self.grace)
