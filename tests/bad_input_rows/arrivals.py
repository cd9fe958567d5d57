"""One row for each rule by which a template, a key or an option of arrivals is refused."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

from bad_input_rows.row import BadInput as Row

from airflow_provider_fabml.core.arrivals.outputs_place import check_outputs
from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.arrivals.queue_options import check_queue
from airflow_provider_fabml.core.arrivals.router_options import (
    check_between,
    check_unmapped,
    parse_policy,
    parse_requested,
)
from airflow_provider_fabml.core.arrivals.watch_options import (
    check_rule_names,
    check_start,
    parse_watch,
)
from airflow_provider_fabml.core.connections.connection_id import check_connection_id
from airflow_provider_fabml.core.storage.location import Location

TEMPLATE = parse_template("{key}")
WATCHER = SimpleNamespace(
    watch=parse_watch(path="Files/daily", partitions="date=%Y-%m-%d", rules={})
)
TREE = Location("account", "container", "daily", "https://account.blob.core.windows.net")


def _template(text: object, rule: str, id_: str) -> Row:
    return Row(id_, partial(parse_template, text), rule, "partitions")


def _key(key: object, rule: str, id_: str) -> Row:
    return Row(id_, partial(TEMPLATE.folder_of, key), rule, "partition key")


def _watch(rule: str, id_: str, path: str = "Files/daily", **rules: Any) -> Row:
    call = partial(parse_watch, path=path, partitions="date=%Y-%m-%d", rules=rules)
    return Row(id_, call, rule)


def _policy(rule: str, id_: str, **changes: Any) -> Row:
    keywords = {"lease": timedelta(hours=1), "tries": 3, "limit": 500, **changes}
    return Row(id_, partial(parse_policy, **keywords), rule)


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
    Row(
        "a queue in capitals",
        partial(check_queue, "Fabml-Arrivals", None, 1.0),
        "queue-name",
        "storage_queue",
    ),
    Row(
        "a connection to no queue",
        partial(check_queue, None, "events", 1.0),
        "queue-unused",
        "queue_conn_id",
    ),
    Row(
        "a queue asked without pause",
        partial(check_queue, "fabml-arrivals", None, 0),
        "queue-interval",
        "queue_interval",
    ),
    Row(
        "the queue of what nobody can read",
        partial(check_queue, "fabml-arrivals-poison", None, 1.0),
        "queue-poison",
        "storage_queue",
    ),
    Row(
        "a connection of two words",
        partial(check_connection_id, "my lake", field="onelake_conn_id"),
        "connection-id",
        "onelake_conn_id",
    ),
    Row(
        "a misspelt rule",
        partial(check_rule_names, {"min_cuont": 2}, of="OneLakeArrivalTrigger", beside=["path"]),
        "arrivals-keyword",
        "min_cuont",
    ),
    Row(
        "a path in place of the trigger",
        partial(check_between, "Files/daily", "due", kind=str),
        "due-arrivals",
        "arrivals",
    ),
    Row(
        "a router for no asset",
        partial(check_between, WATCHER, None, kind=str),
        "due-asset",
        "asset",
    ),
    _watch("arrivals-date", "a date in a pattern", glob="%Y-*.csv"),
    _watch("written-template", "a template in a watcher", "Files/{{ params.folder }}"),
    _watch("written-none", "a variable without value", "Files/None/daily"),
    Row(
        "no partitions",
        partial(parse_watch, path="Files/daily", partitions=None, rules={}),
        "written-text",
        "partitions",
    ),
    _policy("due-lease", "a lease in seconds", lease=3600),
    _policy("due-number", "a limit of nothing", limit=0),
    Row(
        "outputs among the data",
        partial(check_outputs, TEMPLATE, TREE, TREE.child("scored")),
        "due-outputs-in-tree",
        "output_root",
    ),
    Row(
        "a week of days that a router emitted",
        partial(check_unmapped, "2026-W05", [("due", "2026-01-31")]),
        "due-mapped",
        "partition_key",
    ),
    Row("a number for keys", partial(parse_requested, 3, TEMPLATE), "due-requested", "rescore"),
]
