"""What is looked at after an event, and when what was too young is looked at again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.clients.storage_common import drive
from airflow_provider_fabml.core.arrivals.event_grid import Arrived
from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.arrivals.survey import Watch, survey
from airflow_provider_fabml.core.arrivals.wake import (
    FEW,
    NOTHING,
    WHOLE,
    Wake,
    renewed,
    ripe_after,
    wake_of,
    wake_of_all,
    wake_of_ripe,
)
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.probe import Answer
from airflow_provider_fabml.core.storage.readiness import Blob, Rules

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ROOT = Location("lake", "trusted", "daily", "https://lake.blob.core.windows.net")
DAYS = Watch(parse_template("date=%Y-%m-%d"), Rules())
MARKED = Watch(parse_template("date=%Y-%m-%d"), Rules(marker="_SUCCESS"))
REGIONS = Watch(parse_template("region={region}/date=%Y-%m-%d"), Rules())


def arrived(path: str, api: str = "FlushWithClose", **other: str) -> Arrived:
    """Give an event about a path of the container."""
    place = {"account": "lake", "container": "trusted", **other}
    return Arrived(path=path, at=NOW, api=api, **place)


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (arrived("daily/date=2026-01-01/a.csv"), {"daily/date=2026-01-01"}),
        (arrived("daily/date=2026-01-01/deep/a.csv"), {"daily/date=2026-01-01"}),
        (arrived("daily/date=2026-01-01/_SUCCESS"), {"daily/date=2026-01-01"}),
        (arrived("daily/date=2026-01-01/_temporary/0/a.csv"), set()),
        (arrived("daily/date=2026-01-01/.crc"), set()),
        (arrived("daily/date=2026-02-30/a.csv"), set()),
        (arrived("daily/readme.txt"), set()),
        (arrived("daily2/date=2026-01-01/a.csv"), set()),
        (arrived("daily/date=2026-01-01", "RenameDirectory"), {"daily/date=2026-01-01"}),
        (arrived("daily/date=2026-01-01/sub", "RenameDirectory"), {"daily/date=2026-01-01"}),
        (arrived("daily/date=2026-01-01/_temporary/0", "RenameDirectory"), set()),
        (arrived("daily/_temporary/0", "RenameDirectory"), set()),
        (arrived("daily/date=2026-01-01/a.csv", account="other"), set()),
        (arrived("daily/date=2026-01-01/a.csv", container="other"), set()),
    ],
)
def test_an_event_names_its_partition(event, wanted):
    """The folder of the partition that the event's path counts in, or nothing."""
    assert wake_of(event, ROOT, {DAYS, MARKED}) == Wake(frozenset(wanted))


def test_a_marker_counts_for_the_watch_that_waits_for_it_only():
    """Who waits for no marker is not woken by one."""
    assert wake_of(arrived("daily/date=2026-01-01/_SUCCESS"), ROOT, {DAYS}) == NOTHING


@pytest.mark.parametrize("path", ["daily", "lake/daily"])
def test_a_renamed_tree_is_looked_at_whole(path):
    """The tree itself, or a folder above it, came with all that is in it."""
    root = ROOT._replace(path="lake/daily")
    assert wake_of(arrived(path, "RenameDirectory"), root, {DAYS}) == (
        WHOLE if path == "lake/daily" else NOTHING
    )
    assert wake_of(arrived("lake", "RenameDirectory"), root, {DAYS}) == WHOLE


def test_a_renamed_folder_above_partitions_is_looked_into():
    """A region that was renamed brought its days."""
    event = arrived("daily/region=eu", "RenameDirectory")
    assert wake_of(event, ROOT, {REGIONS}) == Wake(frozenset({"daily/region=eu"}))


def test_many_folders_are_the_whole_tree():
    """Beyond a few requests one listing is cheaper."""
    events = [arrived(f"daily/date=2026-01-{day:02d}/a.csv") for day in range(1, FEW + 2)]
    assert len(wake_of_all(events[:FEW], ROOT, [DAYS]).folders) == FEW
    assert wake_of_all(events, ROOT, [DAYS]) == WHOLE


FOLDERS = st.builds(
    "/".join, st.lists(st.sampled_from(["a", "b", "a=1", "a!"]), min_size=1, max_size=3)
)


@given(st.lists(FOLDERS, max_size=6), st.lists(FOLDERS, max_size=6))
def test_joined_wakes_cover_both_and_overlap_nowhere(some, others):
    """Each folder of either lies in exactly one folder of both."""
    one = Wake(frozenset(some)) | NOTHING
    both = one | Wake(frozenset(others))
    for folder in [*some, *others]:
        around = [f for f in both.folders if folder == f or folder.startswith(f"{f}/")]
        assert both.whole or len(around) == 1


def listing(blobs, root="daily", watches=(DAYS,), under=None, now=NOW):
    """Survey a listing of names and ages in seconds."""
    found = [Blob(name, 4, "e", now - timedelta(seconds=age)) for name, age in blobs.items()]

    def answer(request):
        return Answer(tuple(one for one in found if one.name.startswith(request.prefix)), now)

    return drive(survey(root, watches, under=under), answer)


NAMES = st.dictionaries(
    st.sampled_from(
        [f"daily/region=r{r}/date=2026-01-0{d}/{f}" for r in "ab" for d in (1, 2) for f in "xy"]
    ),
    st.just(5),
)


@given(NAMES, NAMES, st.sampled_from(["daily/region=ra", "daily/region=rb/date=2026-01-01"]))
def test_a_look_at_a_folder_equals_a_look_at_all(before, after, folder):
    """Where only that folder changed, the renewed survey is the one of a whole listing."""
    kept = {name: age for name, age in before.items() if not name.startswith(f"{folder}/")}
    changed = {**kept, **{n: a for n, a in after.items() if n.startswith(f"{folder}/")}}
    watches = (REGIONS,)
    part = listing(changed, watches=watches, under=folder)
    assert renewed(listing(before, watches=watches), part, folder) == listing(
        changed, watches=watches
    )


def test_a_part_of_a_partition_judges_nothing():
    """Where one watch's partition holds another's, a look at the inner one leaves the outer."""
    years = Watch(parse_template("year=%Y"), Rules(min_count=2))
    months = Watch(parse_template("year=%Y/month=%m"), Rules())
    blobs = {f"daily/year=2026/month=0{month}/a.csv": 9 for month in (1, 2)}
    whole = listing(blobs, watches=(years, months))
    folder = "daily/year=2026/month=02"
    part = listing(blobs, watches=(years, months), under=folder)
    assert renewed(whole, part, folder) == whole


def test_who_left_is_forgotten():
    """A look for those who still watch renews what they know, and drops what nobody asks for."""
    blobs = {"daily/date=2026-01-01/a.csv": 9}
    whole = listing(blobs, watches=(DAYS, MARKED))
    part = listing(blobs, watches=(DAYS,), under="daily/date=2026-01-01")
    assert renewed(whole, part, "daily/date=2026-01-01") == listing(blobs, watches=(DAYS,))


def test_a_marker_of_the_looks_own_second_is_looked_at_again():
    """Storage's clock has whole seconds, and another page may have been listed before the marker."""
    names = ["daily/date=2026-01-01/_SUCCESS", "daily/date=2026-01-01/a.csv"]
    pages = [Answer((Blob(name, 4, "e", NOW),), NOW, token=name) for name in names]

    def answer(request):
        page = pages[0] if request.token is None else pages[1]
        return page if request.token is None else page._replace(token=None)

    found = drive(survey("daily", (MARKED,)), answer)
    assert not found.ready(MARKED)
    assert ripe_after(found) == {"daily/date=2026-01-01": 1}


def test_the_young_ripen():
    """Seconds until `quiet_for` is over, for what is not complete only because of it."""
    quiet = Watch(DAYS.template, Rules(quiet_for=10))
    longer = Watch(DAYS.template, Rules(quiet_for=60))
    blobs = {
        "daily/date=2026-01-01/a.csv": 3,
        "daily/date=2026-01-02/a.csv": 30,
        "daily/date=2026-01-03/_temporary/a.csv": 1,
    }
    hidden = {"daily/date=2026-01-02/_temporary/b.csv": 4}
    assert ripe_after(listing(blobs, watches=(quiet,))) == {"daily/date=2026-01-01": 7}
    assert ripe_after(listing(blobs | hidden, watches=(quiet,)))["daily/date=2026-01-02"] == 6
    assert ripe_after(listing(blobs, watches=(quiet, longer))) == {
        "daily/date=2026-01-01": 7,
        "daily/date=2026-01-02": 30,
    }
    inside = ripe_after(listing(blobs, watches=(longer,)), "daily/date=2026-01-02")
    assert set(inside) == {"daily/date=2026-01-02"}


@given(st.floats(1, 100), st.integers(0, 100))
def test_a_ripe_partition_is_complete(quiet_for, age):
    """Looked at after the seconds that were told, it is young no more, and not a look sooner."""
    watch = Watch(DAYS.template, Rules(quiet_for=quiet_for))
    blobs = {"daily/date=2026-01-01/a.csv": age}
    seconds = ripe_after(listing(blobs, watches=(watch,))).get("daily/date=2026-01-01", 0)
    later = NOW + timedelta(seconds=seconds)
    assert 0 <= seconds < quiet_for + 1
    older = {name: age + seconds for name, age in blobs.items()}
    assert listing(older, watches=(watch,), now=later).ready(watch)


def test_only_what_is_ripe_wakes():
    """Instants that have passed name their folders."""
    assert wake_of_ripe({"a": 1.0, "b": 3.0}, 2.0) == Wake(frozenset({"a"}))
    assert not wake_of_ripe({"b": 3.0}, 2.0)
