"""What a sensor's fields mean in one run: a path and rules, with the run's date written in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.dates import dated, run_date
from airflow_provider_fabml.core.storage.readiness_rules import parse_rules
from airflow_provider_fabml.core.storage.watched_path import check_watched_path

if TYPE_CHECKING:
    from airflow_provider_fabml.core.storage.location import Location
    from airflow_provider_fabml.core.storage.rules import Rules


class WaitedFor(NamedTuple):
    """A path in any spelling, and what must hold there."""

    path: str
    rules: Rules


class Plan(NamedTuple):
    """Where to look, and for what."""

    location: Location
    rules: Rules


def waited_for(path: Any, values: Mapping[str, Any], context: Mapping[str, Any]) -> WaitedFor:
    """Read rendered fields.

    :param values: the arguments of `parse_rules` but ``when``.
    :param context: Airflow's context of the run; only its dates are read.
    :raises UsageError: rules of `check_watched_path` and `parse_rules`.
    """
    when = date_of(context)
    check_watched_path(path, field="path", when=when)
    written = dated(path, when, field="path") if isinstance(path, str) else path
    return WaitedFor(written, parse_rules(**values, when=when))


def date_of(context: Mapping[str, Any]) -> datetime | None:
    """Give the date that a run of this context is for, in UTC."""
    return run_date(
        context.get("partition_date"),
        context.get("data_interval_start"),
        context.get("logical_date"),
    )


def check_start_from_trigger(
    values: Mapping[str, Any], *, deferrable: bool, reschedule: bool
) -> None:
    """Refuse what cannot wait without any worker: Airflow stores the fields with the DAG.

    :param values: the sensor's templated fields.
    :raises UsageError: rules ``start-*``.
    """
    if not deferrable or reschedule:
        raise UsageError(
            rule="start-not-deferrable",
            field="start_from_trigger",
            value=True,
            reason="the triggerer cannot begin a task that is to wait in a worker",
            remedy="leave out deferrable=False and mode='reschedule', or start_from_trigger.",
        )
    plain = (str, int, float, timedelta, Mapping, type(None))
    upstream = sorted(name for name, value in values.items() if not isinstance(value, plain))
    if upstream:
        raise UsageError(
            rule="start-upstream",
            field=upstream[0],
            value=type(values[upstream[0]]).__name__,
            reason="the output of another task is not known when the DAG is stored",
            remedy="pull it in a template ({{ ti.xcom_pull(task_ids='...') }} and an explicit "
            "dependency), or leave out start_from_trigger.",
        )
