"""The verdict over listing pages: what counts, what is ready, and why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_fabml.core.storage.landing import landing, pause, same_reason, timeout_text
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.readiness import (
    Blob,
    Rules,
    Seen,
    Verdict,
    fold,
    verdict,
)
from airflow_provider_fabml.core.storage.readiness_rules import parse_rules, rules_are_final

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def blob(name: str, size: int = 10, age: int = 3600, *, directory: bool = False) -> Blob:
    """A blob below ``d``, written `age` seconds ago."""
    return Blob(f"d/{name}", size, f"etag-{name}-{age}", NOW - timedelta(seconds=age), directory)


def judge(*blobs: Blob, folder: str = "d", **rules) -> Verdict:
    """Judge one page."""
    wanted = Rules(**rules)
    return verdict(fold(Seen(folder, wanted), blobs), wanted, NOW)


@pytest.mark.parametrize(
    ("found", "rules", "reason"),
    [
        ([], {}, "no file in d yet"),
        ([], {"glob": "*.csv"}, "no file matching *.csv in d yet"),
        ([blob("a", age=12)], {"min_count": 5}, "1 of 5 files, newest 12 s ago"),
        ([blob("a", age=12)], {"min_bytes": 99}, "10 of 99 bytes in 1 file, newest 12 s ago"),
        (
            [blob("a", age=12), blob("b", age=90)],
            {"quiet_for": 60},
            "2 files, newest 12 s ago; 60 s without a write are wanted",
        ),
        (
            [blob("a"), blob("_temporary/0/b", age=3)],
            {"quiet_for": 60},
            "1 file, newest 3600 s ago; _temporary/0/b was written 3 s ago, 60 s without a write are "
            "wanted",
        ),
        (
            [blob("a"), blob(".staging", age=3, directory=True)],
            {"quiet_for": 60, "glob": "*"},
            "1 file, newest 3600 s ago; .staging was written 3 s ago, 60 s without a write are wanted",
        ),
        (
            [blob("a"), blob("b", size=0)],
            {"quiet_for": 60},
            "1 file, newest 3600 s ago; 0-byte file in progress: b (if empty files are meant to be "
            "there: allow_empty_files=True)",
        ),
    ],
)
def test_the_reason_says_what_is_missing(found, rules, reason):
    """One sentence names the count, the age or the file that holds readiness back."""
    result = judge(*found, **rules)

    assert (result.ready, result.reason) == (False, reason)


@pytest.mark.parametrize(
    ("found", "rules"),
    [
        ([blob("a", age=0)], {}),
        ([blob("a"), blob("b", size=0)], {}),
        ([blob("a", age=60)], {"quiet_for": 60}),
        ([blob("a"), blob("_temporary/0/b", age=60)], {"quiet_for": 60}),
        ([blob("a"), blob("_temporary/0/b", age=0)], {}),
        ([blob("a"), blob("_SUCCESS", age=0)], {"quiet_for": 60, "marker": "_SUCCESS"}),
        ([blob("a"), blob("_files.json", age=0)], {"quiet_for": 60, "manifest": "_files.json"}),
        (
            [blob("x/a"), blob("_temporary/0/b", age=0), blob("y/_b", age=0)],
            {"quiet_for": 60, "glob": "x/a*"},
        ),
        ([blob("a", size=0)], {"allow_empty_files": True}),
        ([blob("a"), blob("b", size=0)], {"quiet_for": 60, "marker": "_SUCCESS"}),
        ([], {"min_count": 0, "marker": "_SUCCESS"}),
        ([blob("x/y/z.csv")], {"glob": "**/*.csv"}),
        ([blob("a", age=-3)], {"quiet_for": 0}),
    ],
)
def test_what_is_ready(found, rules):
    """Each rule is satisfied at its very bound; a marker vouches for empty files."""
    assert judge(*found, **rules).ready


@pytest.mark.parametrize(
    "found",
    [
        blob("_temporary/0/part-0.csv"),
        blob("x/_delta_log/0.json"),
        blob(".crc/a.csv"),
        blob("_SUCCESS"),
        blob("dir", directory=True),
        blob("dir/"),
        blob("empty", size=0),
        Blob("dx/a.csv", 10, "e", NOW),
        Blob("d.csv", 10, "e", NOW),
        Blob("d", 10, "e", NOW),
        blob("done.txt"),
    ],
)
def test_what_never_counts(found):
    """Hidden, temporary, empty, sibling, directory and marker are no data."""
    assert judge(found, marker="done.txt").count == 0


def test_a_hidden_folder_above_is_the_users_choice():
    """Only names below the watched folder are judged."""
    assert judge(Blob("_raw/d/a.csv", 1, "e", NOW), folder="_raw/d").ready
    assert judge(Blob("a.csv", 1, "e", NOW), folder="").ready


@pytest.mark.parametrize(
    "changed",
    [
        [blob("a"), blob("c")],
        [blob("a")],
        [blob("a"), blob("b", size=11)],
        [blob("a"), blob("b", age=1)],
        [blob("a"), blob("b"), blob("b2")],
    ],
)
def test_the_digest_sees_names_sizes_and_versions(changed):
    """Renamed, removed, grown, rewritten and added files all change the digest."""
    assert judge(*changed).digest != judge(blob("a"), blob("b")).digest


def test_the_sample_is_small_and_sorted():
    """Twenty names show what was found, the same ones whatever the order."""
    names = [f"{number:03}" for number in range(50)]
    assert judge(*map(blob, reversed(names))).sample == tuple(names[:20])


def test_a_landing_is_json():
    """The next task gets place and facts as plain values."""
    place = Location("acct", "lake", "d", "https://acct.blob.core.windows.net", "datastores/ds")

    told = landing(place, judge(blob("a", age=60)))

    assert told["newest"] == "2026-01-05T11:59:00+00:00"
    assert told["datastore_uri"] == "azureml://datastores/ds/paths/d"
    assert (told["count"], told["bytes"], told["sample"]) == (1, 10, ["a"])


def test_rules_rendered_from_templates_are_numbers_again():
    """Text that a template rendered becomes numbers and flags; time spans become seconds."""
    rules = parse_rules(
        min_count="5", min_bytes="10", quiet_for=timedelta(minutes=2), allow_empty_files="True"
    )

    assert rules == Rules(min_count=5, min_bytes=10, quiet_for=120, allow_empty_files=True)
    assert Rules.from_json(rules.to_json()) == rules
    assert rules_are_final({"glob": None, "min_count": 1})
    assert not rules_are_final({"glob": "{{ x }}"})
    assert not rules_are_final({"min_count": object()})


def test_pauses():
    """A pause is spread by jitter, obeys the service, and ends at the deadline."""
    assert pause(60, jitter=0.5, left=1000) == 60
    assert pause(60, jitter=0, left=1000) == 54
    assert pause(60, jitter=0.5, left=1000, retry_after=90) == 90
    assert pause(60, jitter=0.5, left=7) == 7
    assert pause(60, jitter=0.5, left=-1) == 0


def test_only_a_new_reason_is_new():
    """A reason that only grew older is not worth another log line."""
    assert same_reason("1 of 5 files, newest 12 s ago", "1 of 5 files, newest 72 s ago")
    writing = "_temporary/0/b was written {} s ago, 60 s without a write are wanted"
    assert same_reason(writing.format(3), writing.format(4))
    assert not same_reason("1 of 5 files, newest 12 s ago", "2 of 5 files, newest 12 s ago")
    assert not same_reason("a", None)
    assert "never looked at" in timeout_text("p", 5, None)


@pytest.mark.parametrize(
    ("age", "rules", "ready"),
    [(10, {}, True), (9, {}, True), (11, {}, False), (11, {"marker_last": False}, True)],
)
def test_a_marker_vouches_for_what_was_there_before_it(age, rules, ready):
    """A file that is newer than the marker is not vouched for, not even in a second of its own."""
    wanted = Rules(marker="_SUCCESS", **rules)
    written = [blob("old"), blob("part", age=10)]
    marked = NOW - timedelta(seconds=age)
    result = verdict(fold(Seen("d", wanted, marked=marked), written), wanted, NOW)

    assert result.ready == ready
    assert ready or result.reason == (
        "2 files, newest 10 s ago; part was written 1 s after the marker _SUCCESS, which vouches for "
        "nothing newer (if the marker may be older than the files: marker_last=False)"
    )


@pytest.mark.parametrize(
    ("newer", "rules", "ready"),
    [
        (blob("x/b", 0), {}, False),
        (blob("x/b", 0), {"allow_empty_files": True}, False),
        (blob("x", 0), {}, True),
        (blob("x", 0, directory=True), {}, True),
        (blob("x/_temporary/0/b"), {}, True),
        (blob("x/b.tmp"), {"glob": "**/a"}, True),
        (blob("_SUCCESS"), {}, True),
    ],
)
def test_what_a_marker_need_not_vouch_for(newer, rules, ready):
    """An empty file after it is work in progress; folders, hidden names and other files are not."""
    wanted = Rules(marker="_SUCCESS", **rules)
    seen = Seen("d", wanted, marked=NOW - timedelta(seconds=3601))
    pages = [blob("x/a", age=9000)], [newer]

    assert verdict(fold(fold(seen, pages[0]), pages[1]), wanted, NOW).ready == ready
    assert verdict(fold(fold(seen, pages[1]), pages[0]), wanted, NOW).ready == ready
