"""One listing of a tree, however it is cut into pages, gives each partition its verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.arrivals.cursor import Tail
from airflow_provider_fabml.core.arrivals.events import facts, pause, tail_facts
from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.arrivals.survey import Survey, Watch, survey
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.probe import Answer, ListPage
from airflow_provider_fabml.core.storage.readiness import Blob, Rules, Seen, fold, verdict

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
EARLY = NOW - timedelta(hours=1)
DAILY = Watch(parse_template("daily/date=%Y-%m-%d"), Rules())
MARKED = Watch(DAILY.template, Rules(marker="_SUCCESS"))


def blob(name: str, size: int = 1, at: datetime = EARLY, etag: str = "e") -> Blob:
    """A blob of the tree ``lake``."""
    return Blob(f"lake/{name}", size, etag, at)


def answered(watches, *pages: list[Blob], root: str = "lake") -> tuple[Survey, list[ListPage]]:
    """Hold the conversation with these pages, a second apart."""
    talk, asked = survey(root, watches), []
    request = next(talk)
    for number, page in enumerate(pages):
        asked.append(request)
        token = str(number) if number + 1 < len(pages) else None
        try:
            request = talk.send(Answer(tuple(page), NOW + timedelta(seconds=number), token=token))
        except StopIteration as done:
            return done.value, asked
    raise AssertionError(f"it asked for more than {len(pages)} pages")


BLOBS = st.lists(
    st.builds(
        blob,
        st.sampled_from(["01", "02", "03"]).flatmap(
            lambda day: st.sampled_from(
                [f"daily/date=2026-01-{day}/{name}" for name in ("a", "b/c", "_SUCCESS", "_t/x")]
            )
        ),
        st.integers(0, 2),
        st.just(EARLY),
        st.sampled_from(["e1", "e2"]),
    ),
    max_size=12,
    unique_by=lambda one: one.name,
)


@given(BLOBS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_pages_and_order_do_not_matter(blobs, random, size):
    """The same blobs in other pages give the same verdicts, and those of a look at each folder."""
    whole, _ = answered([DAILY, MARKED], blobs)
    mixed = random.sample(blobs, len(blobs))
    pages = [mixed[at : at + size] for at in range(0, len(mixed), size)] or [[]]
    paged, _ = answered([DAILY, MARKED], *pages)
    assert paged == whole
    for partition in whole.found[DAILY].values():
        seen = fold(Seen(partition.folder, Rules()), blobs)
        assert partition.verdict == verdict(seen, Rules(), NOW)


def test_a_tree_is_listed_from_what_all_watches_have_in_common():
    """Several watches cost one listing, below the prefix that all of them share."""
    regions = [Watch(parse_template(f"daily/in={name}/%Y"), Rules()) for name in ("eu", "us")]
    found, asked = answered([*regions, DAILY], [blob("daily/in=eu/2026/a")], [blob("daily/x")])
    assert asked == [ListPage("lake/daily/"), ListPage("lake/daily/", token="0")]
    assert [list(found.found[watch]) for watch in (*regions, DAILY)] == [["2026"], [], []]
    assert answered([DAILY], [], root="")[1] == [ListPage("daily/date=")]
    assert answered([], [])[1] == [ListPage("lake/")]


def test_only_complete_partitions_are_ready():
    """A marker, a directory, a temporary file or a file in progress is no arrival."""
    day = "daily/date=2026-01-0"
    found, _ = answered(
        [DAILY, MARKED],
        [
            blob(f"{day}1/a.csv"),
            blob(f"{day}1/_SUCCESS", 0),
            blob(f"{day}2/_SUCCESS", 0),
            Blob(f"lake/{day}3/sub", 0, "e", EARLY, is_directory=True),
            blob(f"{day}4/_temporary/0/part"),
            blob(f"{day}5/a.csv", 0),
            blob(f"{day}6/a.csv"),
            blob(f"{day}7"),
        ],
    )
    assert sorted(found.ready(DAILY)) == ["2026-01-01", "2026-01-06"]
    assert sorted(found.ready(MARKED)) == ["2026-01-01"]
    assert "_SUCCESS is not there yet" in found.found[MARKED]["2026-01-06"].verdict.reason
    assert "2026-01-07" not in found.found[DAILY]


@pytest.mark.parametrize(("written", "ready"), [(EARLY, True), (NOW, False)])
def test_a_marker_that_comes_during_the_look_counts_in_the_next(written, ready):
    """Of a partition on two pages, files may have come after the first; its marker tells when."""
    day = "daily/date=2026-01-01"
    found, _ = answered(
        [MARKED], [blob(f"{day}/a")], [blob(f"{day}/z"), blob(f"{day}/_SUCCESS", 0, written)]
    )
    assert bool(found.ready(MARKED)) is ready


def test_quiet_is_judged_by_the_clock_of_the_first_page():
    """A file that is written while the listing runs is not quiet at its end."""
    watch = Watch(DAILY.template, Rules(quiet_for=10))
    fresh = blob("daily/date=2026-01-01/a", at=NOW - timedelta(seconds=9))
    assert not answered([watch], [fresh], [], [])[0].ready(watch)
    old = blob("daily/date=2026-01-01/a", at=NOW - timedelta(seconds=10))
    assert answered([watch], [old], [])[0].ready(watch)


def test_an_event_names_place_facts_and_a_key_of_the_data():
    """The key is the same for the same data and another for other data."""
    root = Location("acct", "c", "lake", "https://acct.blob.core.windows.net", "datastores/ds")
    key, day = "2026-01-01", "daily/date=2026-01-01"
    one, same, other = (
        facts(root, answered([DAILY], [blob(f"{day}/a", etag=etag)])[0].ready(DAILY)[key])
        for etag in ("e1", "e1", "e2")
    )
    assert one == same
    assert one["partition"] == "2026-01-01"
    assert (one["count"], one["bytes"]) == (1, 1)
    assert one["datastore_uri"] == "azureml://datastores/ds/paths/lake/daily/date=2026-01-01"
    assert Location.from_json(one["location"]).url == one["uri"]
    assert one["idempotency_key"] == f"acct/c/lake/daily/date=2026-01-01@{one['digest']}"
    assert one["idempotency_key"] != other["idempotency_key"]
    tail = tail_facts(root, Tail("2026-01-01", 3, 30, "d"))
    assert tail["partition"] is None
    assert tail["idempotency_key"] == "acct/c/lake@up-to-2026-01-01-d"


def test_pauses_grow_with_failures_and_end_at_five_minutes():
    """Each failure doubles the pause; the service's own wish is obeyed."""
    assert [pause(10, failures=n, jitter=0.5) for n in (0, 1, 4, 5, 900)] == [10, 20, 160, 300, 300]
    assert pause(10, failures=0, jitter=0) == 9
    assert pause(3600, failures=9, jitter=0.5) == 3600
    assert pause(10, failures=1, jitter=0.5, retry_after=70) == 70
