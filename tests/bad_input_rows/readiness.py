"""One row for each rule by which a wait for data is refused: its path, its dates, its rules."""

from __future__ import annotations

from functools import partial
from typing import Any

from bad_input_rows.row import BadInput as Row

from airflow_provider_fabml.core.storage.readiness_rules import parse_rules
from airflow_provider_fabml.core.storage.waited_for import check_start_from_trigger, waited_for
from airflow_provider_fabml.core.storage.watched_path import check_watched_path

TWO = {"a.csv": 10, "b.csv": 20}


def _rules(rule: str, id_: str, field: str, **values: Any) -> Row:
    return Row(id_, partial(parse_rules, **values), rule, field)


def _path(rule: str, id_: str, path: str) -> Row:
    return Row(id_, partial(check_watched_path, path, field="path"), rule, "path")


def _start(rule: str, id_: str, field: str, *, deferrable: bool = True, **values: Any) -> Row:
    def call() -> None:
        check_start_from_trigger(values, deferrable=deferrable, reschedule=False)

    return Row(id_, call, rule, field)


ROWS = [
    _rules("glob-empty", "an empty pattern", "glob", glob=" "),
    _rules("glob-braces", "braces in a pattern", "glob", glob="*.{csv,parquet}"),
    _rules("glob-double-star", "** within a name", "glob", glob="a**.csv"),
    _rules("glob-bracket", "a bracket left open", "glob", glob="part-[0-9.csv"),
    _rules("glob-range", "a range backwards", "glob", glob="part-[9-0].csv"),
    _rules("glob-directory", "a pattern of folders", "glob", glob="date=*/"),
    _rules("glob-hidden", "a pattern of hidden names", "glob", glob="_delta_log/*.json"),
    _rules("glob-is-marker", "the marker as data", "glob", glob="done.txt", marker="done.txt"),
    _rules("glob-one-file", "five files of one name", "min_count", glob="a.csv", min_count=5),
    _rules("rules-number", "half a file", "min_count", min_count="2.5"),
    _rules("rules-nothing", "no file and no marker wanted", "min_count", min_count=0),
    _rules("rules-quiet-long", "milliseconds", "quiet_for", quiet_for=900_000),
    _rules("rules-marker", "a pattern as marker", "marker", marker="*.done"),
    _rules("rules-marker-temporary", "a marker that vanishes", "marker", marker="_temporary/x"),
    _rules("rules-marker-last", "the age of no marker", "marker_last", marker_last=False),
    _rules("rules-flag", "neither true nor false", "allow_empty_files", allow_empty_files="maybe"),
    _rules(
        "rules-empty-files",
        "empty files allowed and forbidden",
        "min_file_bytes",
        allow_empty_files=True,
        min_file_bytes=1,
    ),
    _rules("delta-alone", "a table and a pattern", "glob", delta_version=3, glob="*.parquet"),
    _rules("manifest-name", "a pattern as manifest", "manifest", manifest="*.json"),
    _rules("manifest-empty", "a manifest of nothing", "manifest", manifest={}),
    _rules("manifest-entry", "a size in words", "manifest", manifest={"a.csv": "10 MB"}),
    _rules("manifest-template", "a template as name", "manifest", manifest={"{{ ds }}.csv": 1}),
    _rules("manifest-names-files", "manifest and pattern", "glob", manifest=TWO, glob="*.csv"),
    _rules("manifest-count", "more files than named", "min_count", manifest=TWO, min_count=3),
    _rules("manifest-bytes", "more bytes than named", "min_bytes", manifest=TWO, min_bytes=31),
    _rules(
        "manifest-file-bytes",
        "larger files than named",
        "min_file_bytes",
        manifest=TWO,
        min_file_bytes=11,
    ),
    _rules("predicate-type", "a class as predicate", "predicate", predicate=dict),
    _rules("predicate-nested", "a lambda", "predicate", predicate=lambda *_: True),
    _rules("predicate-path", "no module", "predicate", predicate="is_data"),
    _rules("predicate-dag-file", "a DAG's own function", "predicate", predicate="__main__:is_data"),
    _rules("date-directive", "a month in words", "glob", glob="%B-*.csv"),
    _rules("date-ambiguous", "a day or a byte", "marker", marker="%Y%m%d0.done"),
    Row(
        "a date where the run has none",
        partial(waited_for, "Files/x/date=%Y-%m-%d", {}, {"logical_date": None}),
        "date-missing",
        "path",
    ),
    _path("path-pattern", "a pattern as path", "Files/data/*.csv"),
    _path("path-temporary", "a folder of work in progress", "Files/data/_temporary/0"),
    _path("path-delta-log", "a table's log", "Files/table/_delta_log"),
    _path("path-marker", "a marker as data", "Files/data/_SUCCESS"),
    _start("start-not-deferrable", "no triggerer", "start_from_trigger", deferrable=False),
    _start("start-upstream", "another task's output", "path", path=object()),
]
