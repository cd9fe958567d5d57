"""What was told of a tree: each unit once for each state of its data, in bounded space."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from airflow_provider_fabml.core.arrivals.cursor import (
    NOTHING,
    REMEMBERED,
    Cursor,
    agreed,
    read_cursor,
    step,
)
from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.arrivals.survey import Partition
from airflow_provider_fabml.core.storage.readiness import Blob, Rules, Seen, fold, verdict

TEMPLATE = parse_template("date=%Y-%m-%d")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = st.integers(0, 11).map(lambda n: f"2026-01-{n + 1:02d}")


def partition(key: str, version: int) -> Partition:
    """A complete partition; each version of it has other bytes."""
    folder = TEMPLATE.folder_of(key)
    seen = fold(Seen(folder, Rules()), [Blob(f"{folder}/a", 1, f"e{version}", NOW)])
    return Partition(key, folder, verdict(seen, Rules(), NOW))


def look(cursor: Cursor, tree: dict[str, int], limit: int = REMEMBERED, at_once: int = 9999):
    """One look at a tree of complete partitions."""
    ready = {key: partition(key, version) for key, version in tree.items()}
    return step(cursor, ready, TEMPLATE.order, limit=limit, at_once=at_once)


class Watching(RuleBasedStateMachine):
    """Partitions land, change and go while looks are told and sometimes not committed."""

    def __init__(self) -> None:
        super().__init__()
        self.tree: dict[str, int] = {}
        self.owed: set[str] = set()
        self.changed = False
        self.version = 0
        self.cursor = NOTHING

    @initialize(limit=st.integers(1, 6), at_once=st.integers(1, 4))
    def begin(self, limit: int, at_once: int) -> None:
        """So few are remembered, and told at once, that the tail and a backlog are often met."""
        self.limit, self.at_once = limit, at_once

    @rule(key=KEYS)
    def lands_or_changes(self, key: str) -> None:
        """New data of a partition, old or new."""
        self.version += 1
        self.tree[key] = self.version
        self.owed.add(key)
        self.changed = True

    @precondition(lambda self: self.tree)
    @rule(data=st.data())
    def goes(self, data) -> None:
        """A partition is deleted, or is written anew and for now incomplete."""
        key = data.draw(st.sampled_from(sorted(self.tree)))
        del self.tree[key]
        self.owed.discard(key)
        self.changed = True

    @rule(committed=st.booleans())
    def looked_at(self, committed: bool) -> None:
        """Whatever is owed is told, and nothing else; what was not committed is told again."""
        before = self.cursor
        seen = look(before, self.tree, self.limit, self.at_once)
        told = {one.key for one in seen.arrivals}
        assert told <= self.owed, "old data was told again"
        assert seen.tail is None or self.changed, "the tail was told again"
        below = {key for key in self.owed - told if key <= (before.floor or "")}
        assert not below or seen.tail is not None, f"{below} are lost in the tail"
        assert len(self.owed - told - below) == seen.more, "some are lost"
        assert len(told) <= self.at_once
        assert len(seen.cursor.told) <= self.limit
        if committed:
            self.cursor = read_cursor(json.loads(json.dumps(seen.cursor.to_json())))
            assert self.cursor == seen.cursor
            self.owed, self.changed = self.owed - told - below, False
            assert all(key > (self.cursor.floor or "") for key in self.owed), "the backlog is lost"
        if committed and not seen.more:
            again = look(self.cursor, self.tree, self.limit, self.at_once)
            assert (again.arrivals, again.tail, again.cursor) == ((), None, self.cursor)


TestWatching = Watching.TestCase
TestWatching.settings = settings(max_examples=60, stateful_step_count=30)


def test_a_first_look_tells_everything_in_order():
    """Without a cursor all complete partitions are news, oldest first."""
    seen = look(NOTHING, {"2026-01-02": 1, "2026-01-01": 1})
    assert [one.key for one in seen.arrivals] == ["2026-01-01", "2026-01-02"]
    assert seen.tail is None


def test_a_late_partition_below_the_floor_wakes_once():
    """What lands far in the past is told without a name, once."""
    many = {f"2026-01-{n:02d}": 1 for n in range(10, 20)}
    first = look(NOTHING, many, limit=3)
    assert first.cursor.floor == "2026-01-16"

    late = look(first.cursor, {**many, "2026-01-01": 1}, limit=3)
    assert late.arrivals == ()
    assert (late.tail.floor, late.tail.partitions) == ("2026-01-16", 8)
    assert look(late.cursor, {**many, "2026-01-01": 1}, limit=3).tail is None


def test_the_cursor_of_a_full_memory_fits_into_airflows_limit():
    """The largest cursor of dated partitions stays below the 64 kB that Airflow asks for."""
    day = datetime(2020, 1, 1, tzinfo=UTC)
    tree = {f"{day + timedelta(days=n):%Y-%m-%d}": 1 for n in range(REMEMBERED + 50)}
    cursor = look(NOTHING, tree).cursor
    assert len(cursor.told) == REMEMBERED
    assert len(json.dumps(cursor.to_json())) < 65536 / 1.5


@given(st.dictionaries(KEYS, st.integers(1, 2)), st.dictionaries(KEYS, st.integers(1, 2)))
def test_assets_of_one_trigger_agree_on_what_all_were_told(one, other):
    """What some asset was not told is news for all; what all were told is none."""
    both = [look(NOTHING, tree).cursor for tree in (one, other)]
    again = look(agreed(both, TEMPLATE.order), one)
    assert {found.key for found in again.arrivals} == {
        key for key in one if other.get(key) != one[key]
    }


def test_an_asset_without_a_cursor_was_told_nothing():
    """A second asset of the same trigger starts it anew."""
    cursor = look(NOTHING, {"2026-01-01": 1}).cursor
    assert agreed([cursor, None], TEMPLATE.order) is None
    assert agreed([], TEMPLATE.order) is None
    assert agreed([cursor, cursor], TEMPLATE.order) is cursor


def test_assets_with_different_floors_are_woken_once_for_the_tail():
    """Where tails were told differently, the common tail is told again, once."""
    tree = {f"2026-01-{n:02d}": 1 for n in range(1, 9)}
    cursors = [look(NOTHING, tree, limit).cursor for limit in (2, 4)]
    merged = agreed(cursors, TEMPLATE.order)
    assert merged.floor == "2026-01-06"
    first = look(merged, tree, 4)
    assert first.arrivals == ()
    assert first.tail is not None
    assert look(first.cursor, tree, 4).tail is None


def test_what_is_no_cursor_is_read_as_none():
    """A value that a person or another version wrote does not stop the watcher."""
    for value in (None, 3, "x", [], {}, {"told": 1}, {"told": None, "floor": "a"}):
        assert read_cursor(value) is None
    assert read_cursor({"told": {"a": 1}, "floor": 3, "tail": None}) == Cursor({"a": "1"})
