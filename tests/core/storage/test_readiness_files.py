"""Rules on single files: least sizes, manifests, predicates, folders whose mark was lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from landing.predicate import is_final

from airflow_provider_fabml.core.errors import PermanentError, UsageError
from airflow_provider_fabml.core.storage.manifest import Unreadable, read_manifest
from airflow_provider_fabml.core.storage.readiness import Blob, Rules, Verdict, fold, start, verdict
from airflow_provider_fabml.core.storage.readiness_rules import parse_rules
from airflow_provider_fabml.core.storage.waited_for import check_start_from_trigger, waited_for

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def blob(name: str, size: int = 10, age: int = 60) -> Blob:
    """A blob below ``d``."""
    return Blob(f"d/{name}", size, "e", NOW - timedelta(seconds=age))


def judge(*blobs: Blob, expected=None, predicate=None, **rules) -> Verdict:
    """Judge one page."""
    state = fold(start("d", Rules(**rules), predicate=predicate, expected=expected), blobs)
    return verdict(state, state.rules, NOW)


@pytest.mark.parametrize(
    ("found", "rules", "reason"),
    [
        (
            [blob("a", 100), blob("b", 3)],
            {"min_file_bytes": 50},
            "1 file, newest 60 s ago; b has 3 of at least 50 bytes",
        ),
        (
            [blob("a", 3)],
            {"min_file_bytes": 50},
            "no file in d yet; a has 3 of at least 50 bytes",
        ),
        (
            [blob("a", 100), blob("b", 0)],
            {"min_file_bytes": 50},
            "1 file, newest 60 s ago; 0-byte file in progress: b (if empty files are meant to be "
            "there: allow_empty_files=True)",
        ),
        ([blob("a", 5)], {"expected": {"a": 10}}, "a has 5 of the 10 bytes that the manifest says"),
        (
            [blob("a")],
            {"expected": {"a": 10, "b": None, "c": 1}},
            "1 of 3 files of the manifest; missing: b",
        ),
    ],
)
def test_the_reason_names_the_file(found, rules, reason):
    """Whoever reads the sentence knows which file to look at."""
    result = judge(*found, **rules)

    assert (result.ready, result.reason) == (False, reason)


def test_a_manifest_says_what_counts():
    """Hidden and empty files count if they are expected, and nothing else does."""
    result = judge(blob("_x"), blob("e", 0), blob("more"), expected={"_x": 10, "e": 0})

    assert (result.ready, result.count, result.sample) == (True, 2, ("_x", "e"))


@pytest.mark.parametrize(
    "text",
    [
        b'{"files": [{"name": "a.csv", "size": 10}, {"name": "b.csv"}]}',
        b'{"a.csv": 10, "b.csv": null}',
    ],
)
def test_shapes_of_a_manifest(text):
    """Names with sizes are read alike in each shape; a plain list has no sizes."""
    assert read_manifest(text, "m") == {"a.csv": 10, "b.csv": None}
    assert read_manifest(b'["a.csv"]', "m") == {"a.csv": None}


@pytest.mark.parametrize(
    "text", [b"", b'{"a', b"[]", b"7", b'{"a": -1}', b'{"a": "x"}', b"\xff", b'[{"size": 1}]']
)
def test_a_manifest_that_says_nothing_is_waited_for(text):
    """It may be half written, so it is no error, and the sentence names it."""
    found = read_manifest(text, "d/m.json")

    assert isinstance(found, Unreadable)
    assert "d/m.json" in found.reason


def test_a_predicate_chooses_files():
    """It gets name, size, version and time, and what it refuses neither counts nor holds back."""
    seen: list[tuple] = []

    def small(*facts) -> bool:
        seen.append(facts)
        return facts[1] < 50

    result = judge(blob("a"), blob("b", 99), predicate=small)

    assert (result.ready, result.count) == (True, 1)
    assert seen[0] == ("a", 10, "e", NOW - timedelta(seconds=60))


def test_a_function_of_a_module_is_named_by_its_path():
    """So a predicate survives the way to the triggerer, and is loaded there by its name."""
    from airflow_provider_fabml.clients.predicates import load_predicate

    rules = parse_rules(predicate=is_final)

    assert rules.predicate == "landing.predicate:is_final"
    assert load_predicate(rules.predicate)("draft.csv", 1, "e", NOW) is False
    with pytest.raises(PermanentError, match="cannot be imported here"):
        load_predicate("landing.predicate:nothing")
    broken = load_predicate("landing.predicate:is_final")
    with pytest.raises(PermanentError, match="failed for"):
        broken(7, 1, "e", NOW)


def test_an_empty_entry_above_files_is_their_folder():
    """A 0-byte entry is in progress unless files lie below it, whichever comes first."""
    quiet = {"quiet_for": 30}
    folder, file = blob("x", 0), blob("x/a.csv")

    assert "in progress: x " in judge(folder, blob("b"), **quiet).reason
    assert judge(folder, file, **quiet).ready
    assert judge(file, folder, **quiet).ready


def test_names_with_dates_are_read_for_a_run():
    """Path, pattern, marker and manifest all take the run's date."""
    values = {"glob": "%Y/*.csv", "marker": "%m.done", "manifest": None}
    path, rules = waited_for("Files/x/%Y-%m-%d", values, {"partition_date": NOW})

    assert (path, rules.glob, rules.marker) == ("Files/x/2026-01-05", "2026/*.csv", "01.done")
    assert waited_for("Files/x", {"manifest": "%j.json"}, {"logical_date": NOW})[1].manifest == (
        "005.json"
    )


def test_what_may_begin_in_the_triggerer():
    """Text, numbers, templates and mappings are stored with the DAG."""
    fields = {"path": "{{ ds }}", "manifest": {"a": 1}, "min_count": 1, "quiet_for": timedelta(1)}
    check_start_from_trigger(fields, deferrable=True, reschedule=False)
    with pytest.raises(UsageError, match="worker"):
        check_start_from_trigger(fields, deferrable=True, reschedule=True)
