"""The program of faults is a value of its seed."""

from __future__ import annotations

from collections import Counter

import pytest
from faults import strikes
from faults.strikes import Cell, program


def test_a_seed_replays_its_program():
    """The same seed gives the same strikes in the same order, another one others."""
    size = {"kills": 64, "stops": 10, "cuts": 14}
    assert program(7, **size) == program(7, **size)
    assert program(7, **size) != program(8, **size)


def test_every_square_is_killed_before_one_is_killed_twice():
    """As many kills as there are squares hit each of them exactly once."""
    squares = [cell for cell in strikes.cells() if cell.victim != strikes.CONNECTION]
    struck = Counter(each.cell for each in program(3, kills=len(squares), stops=0, cuts=0))
    assert struck == Counter(squares)


@pytest.mark.parametrize("point", strikes.POINTS)
def test_every_point_is_struck(point):
    """The distributed run's size reaches each point of a task's life."""
    assert any(each.cell.point == point for each in program(1, kills=64, stops=0, cuts=0))


@pytest.mark.parametrize(
    ("cell", "how"),
    [
        (Cell(strikes.POLLING, strikes.SYNC, strikes.WORKER), 20),
        (Cell(strikes.POLLING, strikes.DEFERRABLE, strikes.TRIGGERER), 10),
    ],
)
def test_who_stands_still_is_taken_for_lost(cell, how):
    """Workers and triggerers stand still longer than the cluster waits for them."""
    found = [each for each in program(1, kills=0, stops=60, cuts=0) if each.cell == cell]
    assert found
    assert all(each.seconds > how for each in found)


def test_connections_are_cut_and_processes_killed():
    """No connection gets a signal, and no process is cut."""
    for strike in program(5, kills=50, stops=50, cuts=20):
        is_cut = strike.how in strikes.CUTS
        assert is_cut == (strike.cell.victim == strikes.CONNECTION)
