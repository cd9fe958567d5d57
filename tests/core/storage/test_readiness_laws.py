"""Laws of readiness: what may never change a verdict, and in which direction others may."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.storage.readiness import (
    Blob,
    Rules,
    Verdict,
    fold,
    settled,
    start,
    verdict,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
MANIFEST = {"a": 2, "b": None, "a/c": 0}


def blob(name: str, size: int, age: int, directory: bool) -> Blob:
    """A blob below ``d``."""
    return Blob(f"d/{name}", size, f"{name}-{age}", NOW - timedelta(seconds=age), directory)


BLOBS = st.lists(
    st.builds(
        blob,
        st.text("abc/._", min_size=1, max_size=6),
        st.integers(0, 3),
        st.integers(0, 100),
        st.booleans(),
    ),
    max_size=20,
    unique_by=lambda found: found.name,
)
RULES = st.one_of(
    st.builds(
        Rules,
        glob=st.sampled_from([None, "*", "a*", "**/b*"]),
        min_count=st.integers(0, 4),
        min_bytes=st.integers(0, 8),
        min_file_bytes=st.integers(0, 2),
        marker=st.sampled_from([None, "a", "_x"]),
        marker_last=st.booleans(),
        quiet_for=st.sampled_from([0, 30]),
        allow_empty_files=st.booleans(),
    ),
    st.builds(Rules, manifest=st.just(MANIFEST), quiet_for=st.sampled_from([0, 30])),
)


def judge(
    blobs: list[Blob], rules: Rules, now: datetime = NOW, size: int = 1000, marked: int = 50
) -> Verdict:
    """Judge a listing in pages of `size`, with a marker that is `marked` seconds old."""
    expected = rules.manifest if isinstance(rules.manifest, dict) else None
    state = start("d", rules, expected=expected)
    if rules.marker is not None:
        state = replace(state, marked=NOW - timedelta(seconds=marked))
    for at in range(0, len(blobs), size):
        state = fold(state, blobs[at : at + size])
    return verdict(state, rules, now)


@given(BLOBS, RULES, st.integers(1, 7), st.randoms(use_true_random=False))
def test_order_and_page_size_change_nothing(blobs, rules, size, shuffler: random.Random):
    """Verdict, sentence and digest are the same for any split of any order of a listing."""
    shuffled = list(blobs)
    shuffler.shuffle(shuffled)

    assert judge(shuffled, rules, size=size) == judge(blobs, rules)


@given(BLOBS, RULES, st.integers(0, 1000))
def test_time_alone_only_makes_ready(blobs, rules, seconds):
    """What is ready stays ready while nobody writes."""
    later = judge(blobs, rules, NOW + timedelta(seconds=seconds))
    assert later.ready or not judge(blobs, rules).ready


@given(BLOBS, RULES, st.integers(0, 100), st.integers(0, 100))
def test_a_later_marker_only_makes_ready(blobs, rules, age, later):
    """A marker written anew never takes back what an older one vouched for."""
    older, newer = max(age, later), min(age, later)
    again = judge(blobs, rules, marked=newer)
    assert again.ready or not judge(blobs, rules, marked=older).ready


@given(BLOBS, RULES, st.integers(0, 3), st.integers(0, 5), st.integers(0, 60))
def test_a_stricter_rule_is_never_sooner(blobs, rules, count, size, quiet):
    """Asking for more files, bytes or silence never makes ready what was not."""
    stricter = rules._replace(
        min_count=rules.min_count + count,
        min_bytes=rules.min_bytes + size,
        quiet_for=rules.quiet_for + quiet,
    )
    assert judge(blobs, rules).ready or not judge(blobs, stricter).ready


@given(BLOBS, RULES, BLOBS)
def test_more_old_files_never_take_back_counts(blobs, rules, more):
    """Without rules on single files or silence, a file more never makes unready what was ready."""
    rules = rules._replace(min_file_bytes=0, quiet_for=0, manifest=None)
    known = {found.name for found in blobs}
    together = blobs + [found for found in more if found.name not in known]
    assert judge(together, rules).ready or not judge(blobs, rules).ready


@given(BLOBS, BLOBS, RULES)
def test_settled_is_final(first, more, rules):
    """Where a look may stop early, no further page would have made it ready, and it says why."""
    expected = rules.manifest if isinstance(rules.manifest, dict) else None
    state = fold(start("d", rules, expected=expected), first)
    if settled(state, NOW):
        known = {found.name for found in first}
        whole = fold(state, [found for found in more if found.name not in known])
        early = verdict(state, rules, NOW, more=True)
        assert not verdict(whole, rules, NOW).ready
        assert not early.ready
        assert early.reason


@given(BLOBS, RULES)
def test_directories_and_neighbours_change_nothing(blobs, rules):
    """Directories, names with a slash at the end and siblings never matter."""
    old = NOW - timedelta(days=1)
    noise = [
        Blob("d", 0, "e", old, is_directory=True),
        Blob("d/zz", 0, "e", old, is_directory=True),
        Blob("d/zz/", 5, "e", old),
        Blob("dd/a", 5, "e", old),
        Blob("d.csv", 5, "e", old),
    ]
    assert judge(blobs + noise, rules) == judge(blobs, rules)


@given(BLOBS, RULES)
def test_the_digest_is_of_what_counts(blobs, rules):
    """Equal files give equal digests whatever the rules on them say of time."""
    quiet = rules._replace(quiet_for=30)
    one, other = judge(blobs, rules), judge(blobs, quiet)
    assert replace(one, ready=False, reason="") == replace(other, ready=False, reason="")
