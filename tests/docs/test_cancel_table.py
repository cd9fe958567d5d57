"""The table of what becomes of the job is the matrix that is played, row by row."""

from __future__ import annotations

from support.markdown import read, section, tables
from system.cancels.events import ALONE, TOGETHER
from system.cancels.rows import LEFT, NONE, ROWS, WORKER

from airflow_provider_fabml.core.options import CHOICES

TEXT = read("airflow_provider_fabml/operators/README.md")


def documented() -> list[tuple[str, ...]]:
    """The document's rows without what Airflow does."""
    (table,) = tables(section(TEXT, "The table"))
    rows = [
        (event, waits, switch.strip("`"), job, after)
        for event, waits, switch, _, job, after in table
    ]
    assert len(set(rows)) == len(rows)
    return rows


def test_each_row_of_the_table_is_played_and_each_play_is_a_row():
    """Event, place, switch, fate and next try are the same in both."""
    assert sorted(documented()) == sorted(row.words for row in ROWS)


def test_each_row_says_what_airflow_does():
    """No cell of the fourth column is empty."""
    (table,) = tables(section(TEXT, "The table"))
    assert [row for row in table if not row[3]] == []


def test_each_event_is_one_that_can_be_provoked():
    """And none is provoked in vain."""
    assert {row.event for row in ROWS} == {*ALONE, *TOGETHER}


def test_what_bears_on_both_places_is_played_in_both():
    """An event that has a row for the worker and one for the triggerer has both for each switch."""
    places: dict[tuple[str, str], set[str]] = {}
    for row in ROWS:
        places.setdefault((row.event, row.switch), set()).add(row.waits)
    both = {event for (event, _), found in places.items() if len(found) == 2}
    assert all(len(found) == 2 for (event, _), found in places.items() if event in both)


def test_every_switch_can_be_turned():
    """Each of the operator's three switches has a row in which it is off, and the job is left."""
    off = {row.switch for row in ROWS if row.job == LEFT and row.switch}
    assert off == {
        "cancel_on_kill=False",
        *(f"on_{each}='{CHOICES[1]}'" for each in ("clear", "timeout")),
    }


def test_no_more_than_three_rows_are_left_though_somebody_asked():
    """Where Airflow gives no chance stands in a section of its own."""
    asked = ("marked", "deleted", "cleared")
    rows = [
        row
        for row in ROWS
        if row.job == LEFT and not row.switch and any(word in row.event for word in asked)
    ]
    assert len(rows) == 3
    assert "In three rows somebody asked and the job goes on" in TEXT
    assert [row.event for row in rows if row.next_try == NONE] == [
        "worker SIGKILL, then run deleted"
    ]
    assert {row.waits for row in rows} >= {WORKER}
