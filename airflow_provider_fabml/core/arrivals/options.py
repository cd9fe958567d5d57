"""What to watch, as a user writes it: checked when the DAG file is read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.arrivals.due import Policy
from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.arrivals.survey import Watch
from airflow_provider_fabml.core.connections.queue_fields import check_queue_name
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.options import is_number
from airflow_provider_fabml.core.storage.dates import has_dates
from airflow_provider_fabml.core.storage.location import check_path_shape
from airflow_provider_fabml.core.storage.readiness_rules import parse_rules
from airflow_provider_fabml.core.storage.rules import Rules
from airflow_provider_fabml.core.storage.uri_text import check_text, waits
from airflow_provider_fabml.core.storage.watched_path import check_watched_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fabml.core.arrivals.partition_template import PartitionTemplate

EXISTING, NOW = "existing", "now"
# A request that finds nothing costs little: a day of them some cents ("Azure Queue Storage pricing").
QUEUE_INTERVAL = 1.0
SHORTEST_LEASE = timedelta(minutes=5)
# These ask for more than names, or for a folder that is a table: one listing does not tell them.
_OTHERS = ("delta_version", "manifest", "predicate")


def parse_watch(*, path: object, partitions: object, rules: Mapping[str, Any]) -> Watch:
    """Check a tree and what is looked for in it.

    :param path: the folder above the partitions, in any spelling; nothing in it varies.
    :param rules: keywords of `parse_rules`.
    :raises UsageError: rules ``arrivals-*``, ``partition-*``, and those of `check_text`,
        `check_watched_path` and `parse_rules`.
    :raises TypeError: for a rule that does not exist.
    """
    _check_path(path)
    template = parse_template(partitions)
    parsed = parse_rules(**rules, when=None)
    usual = Rules()
    other = next((n for n in _OTHERS if getattr(parsed, n) != getattr(usual, n)), None)
    if other is not None:
        raise UsageError(
            rule="arrivals-rule",
            field=other,
            value=getattr(parsed, other),
            reason="one listing for all partitions does not tell this",
            remedy="use glob, min_count, min_bytes, min_file_bytes, marker or quiet_for here; wait "
            "for a table or a manifest with OneLakeShortcutSensor.",
        )
    return Watch(template, parsed)


def _check_path(path: object) -> None:
    text = check_text(path, field="path")
    if has_dates(text):
        raise UsageError(
            rule="arrivals-path",
            field="path",
            value=text,
            reason="this is the folder above all partitions, and a date stands in it",
            remedy="move what varies to partitions, e.g. partitions='date=%Y-%m-%d'.",
        )
    check_watched_path(text, field="path", when=None)


def check_start(value: object) -> None:
    """Refuse an unknown choice of what the first look tells. Raises ``UsageError``."""
    if value not in {EXISTING, NOW}:
        raise UsageError(
            rule="arrivals-start",
            field="start",
            value=value,
            reason="the first look tells what is there already, or only what comes after it",
            remedy=f"write {EXISTING!r} or {NOW!r}.",
        )


def check_queue(name: object, conn_id: object, interval: Any) -> None:
    """Refuse a queue that cannot be, or what is said of a queue where none is named.

    :raises UsageError: rules ``queue-name``, ``queue-unused``, ``queue-interval``.
    """
    if name is not None:
        check_queue_name(name)
    elif conn_id is not None:
        raise UsageError(
            rule="queue-unused",
            field="queue_conn_id",
            value=conn_id,
            reason="no queue is read unless storage_queue names one",
            remedy="write storage_queue='<queue>', or remove queue_conn_id.",
        )
    if not is_number(interval, 0.2, 3600):
        raise UsageError(
            rule="queue-interval",
            field="queue_interval",
            value=interval,
            reason="it is a number of seconds from 0.2 to 3600",
            remedy="leave it out for one request a second.",
        )


def parse_policy(*, lease: object, tries: Any, limit: Any) -> Policy:
    """Check how a router emits.

    :raises UsageError: rules ``due-lease``, ``due-number``.
    """
    if not isinstance(lease, timedelta) or lease < SHORTEST_LEASE:
        raise UsageError(
            rule="due-lease",
            field="lease",
            value=lease,
            reason="a run that is not finished when its lease ends counts as lost and is emitted "
            "again; no scoring is queued, run and checked so soon",
            remedy="write a timedelta longer than the longest run, e.g. timedelta(hours=6).",
        )
    for name, value in (("tries", tries), ("limit", limit)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(
                rule="due-number",
                field=name,
                value=value,
                reason="nothing would ever be emitted",
                remedy="write a whole number of 1 or more.",
            )
    return Policy(lease, tries, limit)


def check_router(output_root: object, rescore: object, template: PartitionTemplate) -> None:
    """Refuse what can be judged when the DAG file is read; what waits for its value passes.

    :raises UsageError: rules of `check_path_shape` and `parse_requested`.
    """
    check_path_shape(output_root, field="output_root")
    keys = rescore if isinstance(rescore, (list, tuple)) else (rescore,)
    if not any(map(waits, keys)):
        parse_requested(rescore, template)


def parse_requested(value: object, template: PartitionTemplate) -> frozenset[str]:
    """Read the keys that a person wants again: a list, or text with commas between them.

    :raises UsageError: rule ``due-requested``, and rules ``partition-key-*``.
    """
    keys = [key.strip() for key in value.split(",")] if isinstance(value, str) else value
    if not isinstance(keys, (list, tuple, set, frozenset)):
        raise UsageError(
            rule="due-requested",
            field="rescore",
            value=value,
            reason="these are no keys",
            remedy="write them as a list, or as text: 2026-01-01, 2026-01-02.",
        )
    wanted = frozenset(key for key in keys if key != "")
    for key in wanted:
        template.folder_of(key)
    return wanted


def changed_rules(rules: Rules) -> dict[str, Any]:
    """Give the rules that are not the usual ones, as plain JSON."""
    usual = Rules()._asdict()
    return {name: value for name, value in rules._asdict().items() if value != usual[name]}
