"""What a survey says of a partition is what a look at its folder says: sensor and watcher agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_fabml.clients.storage_common import drive
from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.arrivals.survey import Watch, survey
from airflow_provider_fabml.core.storage.probe import Answer, HeadBlob, ListPage, Request, look
from airflow_provider_fabml.core.storage.readiness import Blob, Rules

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
TEMPLATE = parse_template("date=%Y-%m-%d")
FOLDER = "lake/date=2026-01-01"
QUIET = Rules(quiet_for=30)
NESTED = QUIET._replace(glob="x/part-*")


def blob(name: str, size: int = 1, age: int = 3600, directory: bool = False) -> Blob:
    """A blob of the partition, written `age` seconds ago."""
    return Blob(f"{FOLDER}/{name}", size, "e", NOW - timedelta(seconds=age), directory)


BLOBS = st.lists(
    st.builds(
        blob,
        st.sampled_from(
            [
                *("a.csv", "x", "x/part-1", "x/b.csv", "_SUCCESS", "_temporary", "_temporary/0/a"),
                *("x/_t/part-1", "x/.part-1", "y/.tmp/part-1", ".spark-staging-1/a.csv"),
            ]
        ),
        st.integers(0, 2),
        st.sampled_from([0, 20, 29, 30, 31, 90]),
        st.booleans(),
    ),
    min_size=2,
    max_size=8,
    unique_by=lambda found: found.name,
)
RULES = st.builds(
    Rules,
    glob=st.sampled_from([None, "*.csv", "x/*", "x/part-*", "**/part-*", "a.csv"]),
    min_count=st.integers(1, 2),
    min_file_bytes=st.integers(0, 2),
    marker=st.sampled_from([None, "_SUCCESS", "x/_done"]),
    marker_last=st.booleans(),
    quiet_for=st.sampled_from([0, 30]),
    allow_empty_files=st.booleans(),
    min_bytes=st.integers(0, 3),
    delta_version=st.none(),
    manifest=st.none(),
    predicate=st.none(),
)


def answered(request: Request, blobs: list[Blob]) -> Answer:
    """What storage answers where it holds these blobs."""
    if isinstance(request, HeadBlob):
        return Answer(tuple(one for one in blobs if one.name == request.path), NOW)
    assert isinstance(request, ListPage)
    found = [one for one in blobs if one.name.startswith(request.prefix)]
    deeper = [one for one in found if "/" in one.name[len(request.prefix) :] and request.delimited]
    heads = {one.name[len(request.prefix) :].partition("/")[0] for one in deeper}
    folders = tuple(f"{request.prefix}{head}/" for head in sorted(heads))
    return Answer(tuple(one for one in found if one not in deeper), NOW, folders)


@given(BLOBS, RULES)
@example([blob("x/part-1"), blob("_temporary/0/part-2", age=3)], NESTED)
@example([blob("x/part-1"), blob("x/_temporary/part-2", age=3)], NESTED)
@example([blob("a.csv", age=5), blob("_SUCCESS", 0, age=9)], Rules(marker="_SUCCESS"))
def test_a_survey_and_a_look_agree(blobs, rules):
    """Ready or not, and why, is one answer, whoever asks; a watcher is as strict as a sensor."""
    told = drive(survey("lake", [Watch(TEMPLATE, rules)]), lambda asked: answered(asked, blobs))
    seen = drive(look(FOLDER, rules), lambda asked: answered(asked, blobs))
    (partition,) = told.found[Watch(TEMPLATE, rules)].values()

    # A look does not list what lacks its marker.
    assert (partition.verdict.ready, partition.verdict.reason) == (seen.ready, seen.reason)
    assert partition.verdict == seen or "is not there yet" in seen.reason


@given(BLOBS, RULES)
@example([blob("a.csv", age=3)], QUIET._replace(min_count=2))
@example([blob("a.csv", age=3), blob("_SUCCESS", age=9)], QUIET._replace(marker="_SUCCESS"))
@example([blob("a.csv"), blob("_temporary/0/a", age=3)], QUIET)
def test_what_ripens_is_complete_then_and_nothing_else_does(blobs, rules):
    """The seconds that a survey tells are those after which time alone makes a partition complete."""
    watch = Watch(TEMPLATE, rules)
    told = drive(survey("lake", [watch]), lambda asked: answered(asked, blobs))
    (partition,) = told.found[watch].values()

    def ready(seconds: float) -> bool:
        passed = timedelta(seconds=seconds)
        older = [one._replace(last_modified=one.last_modified - passed) for one in blobs]
        return drive(look(FOLDER, rules), lambda asked: answered(asked, older)).ready

    assert ready(partition.ripe_in) or (partition.ripe_in == 0 and not ready(3600))
    assert partition.ripe_in == 0 or not ready(partition.ripe_in - 1)
