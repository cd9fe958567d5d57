"""What to watch, as a user writes it: checked when the DAG file is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.arrivals.survey import Watch
from airflow_provider_fabml.core.arrivals.written import check_written, check_written_text
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.options import instead_of
from airflow_provider_fabml.core.storage.dates import has_dates
from airflow_provider_fabml.core.storage.readiness_rules import RULE_NAMES, parse_rules
from airflow_provider_fabml.core.storage.rules import Rules
from airflow_provider_fabml.core.storage.uri_text import check_text
from airflow_provider_fabml.core.storage.watched_path import check_watched_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXISTING, NOW = "existing", "now"
_NOT_WATCHED = {
    "delta_version": "a tree is looked at in one listing, and which version a table has stands in its "
    "log, which is read for each table",
    "manifest": "a tree is looked at in one listing, and expected files are held against one folder, "
    "in a look of its own",
    "predicate": "a look lists the whole tree for all who watch it, and would call this code for each "
    "file, every time, in the triggerer that all of them share",
}
_WATCHED = tuple(name for name in RULE_NAMES if name not in _NOT_WATCHED)


def parse_watch(*, path: object, partitions: object, rules: Mapping[str, Any]) -> Watch:
    """Check a tree and what is looked for in it.

    :param path: the folder above the partitions, in any spelling; nothing in it varies.
    :param rules: keywords of `parse_rules`, as `check_rule_names` lets them pass.
    :raises UsageError: rules ``arrivals-*``, ``written-*``, ``partition-*``, and those of
        `check_text`, `check_watched_path` and `parse_rules`.
    """
    check_written_text(path, field="path", example="Files/daily")
    check_written_text(partitions, field="partitions", example="date=%Y-%m-%d")
    _check_path(path)
    template = parse_template(partitions)
    _check_rules(rules)
    return Watch(template, parse_rules(**rules, when=None))


def check_rule_names(rules: Mapping[str, Any], *, of: str, beside: Iterable[str]) -> None:
    """Refuse a keyword that is no rule, most likely a misspelt one.

    :param of: the class that the user calls.
    :param beside: the keywords that it has besides the rules.
    :raises UsageError: rule ``arrivals-keyword``.
    """
    known = [*RULE_NAMES, *beside]
    unknown = next((name for name in rules if name not in known), None)
    if unknown is not None:
        raise UsageError(
            rule="arrivals-keyword",
            field=unknown,
            value=rules[unknown],
            reason=f"{of} has no such keyword",
            remedy=f"{instead_of(unknown, [*_WATCHED, *beside])}; "
            f"the rules are {', '.join(_WATCHED)}.",
        )


def _check_rules(rules: Mapping[str, Any]) -> None:
    other = next((name for name in _NOT_WATCHED if rules.get(name) is not None), None)
    if other is not None:
        raise UsageError(
            rule="arrivals-rule",
            field=other,
            value=rules[other],
            reason=_NOT_WATCHED[other],
            remedy=f"use {', '.join(_WATCHED)} here, or wait with OneLakeShortcutSensor.",
        )
    for name, value in rules.items():
        check_written(value, field=name)
    if rules.get("marker") is not None:
        check_written_text(rules["marker"], field="marker", example="_SUCCESS")
    varies = next((name for name, value in rules.items() if has_dates(value)), None)
    if varies is not None:
        raise UsageError(
            rule="arrivals-date",
            field=varies,
            value=rules[varies],
            reason="only folders have dates here, and only in partitions",
            remedy="move the date to partitions, or write * for it in glob.",
        )


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
    if value not in (EXISTING, NOW):
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


def written_rules(rules: Rules) -> dict[str, Any]:
    """Give the changed rules as a user writes them: a % of a name stands twice."""
    return {
        name: value.replace("%", "%%") if isinstance(value, str) else value
        for name, value in changed_rules(rules).items()
    }
