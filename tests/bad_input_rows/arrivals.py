"""One row for each rule by which a template, a key or an option of arrivals is refused."""

from __future__ import annotations

from functools import partial
from typing import Any

from bad_input_rows.row import BadInput as Row

from airflow_provider_fabml.core.arrivals.options import check_start, parse_watch
from airflow_provider_fabml.core.arrivals.partition_template import parse_template


def _template(text: object, rule: str, id_: str) -> Row:
    return Row(id_, partial(parse_template, text), rule, "partitions")


def _key(key: object, rule: str, id_: str) -> Row:
    return Row(id_, partial(parse_template("{key}").folder_of, key), rule, "partition key")


def _watch(rule: str, id_: str, path: str = "Files/daily", **rules: Any) -> Row:
    call = partial(parse_watch, path=path, partitions="date=%Y-%m-%d", rules=rules)
    return Row(id_, call, rule)


ROWS = [
    _template("date=%y-%m-%d", "partition-code", "a year of two digits"),
    _template("date=%m-%d", "partition-date-gap", "a date without year"),
    _template("region={the region}/date=%Y", "partition-brace", "a name of two words"),
    _template("date=%Y/*", "partition-glob", "a pattern for the last folder"),
    _template("daily/date", "partition-nothing-varies", "a template of one folder"),
    _template("{region}-{kind}", "partition-two-names", "two names in one folder's name"),
    _key("None", "partition-key-missing", "the key of a run without partition"),
    _key("x" * 251, "partition-key-long", "a key that Airflow cannot store"),
    _key("a/b", "partition-key-shape", "a key with a slash"),
    _watch("arrivals-path", "a date in the tree's own path", "Files/daily/date=%Y-%m-%d"),
    _watch("arrivals-rule", "a table among partitions", delta_version=3),
    Row("a first look of no kind", partial(check_start, "newest"), "arrivals-start", "start"),
]
