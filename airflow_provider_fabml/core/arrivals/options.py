"""What to watch, as a user writes it: checked when the DAG file is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.arrivals.survey import Watch
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.dates import has_dates
from airflow_provider_fabml.core.storage.readiness_rules import parse_rules
from airflow_provider_fabml.core.storage.rules import Rules
from airflow_provider_fabml.core.storage.uri_text import check_text
from airflow_provider_fabml.core.storage.watched_path import check_watched_path

if TYPE_CHECKING:
    from collections.abc import Mapping

EXISTING, NOW = "existing", "now"
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


def changed_rules(rules: Rules) -> dict[str, Any]:
    """Give the rules that are not the usual ones, as plain JSON."""
    usual = Rules()._asdict()
    return {name: value for name, value in rules._asdict().items() if value != usual[name]}
