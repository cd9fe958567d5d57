"""A sample's stages add up to its whole way."""

from __future__ import annotations

import pytest
from arrivals.stages import STAGES, Sample, limit, medians, p95, stages
from arrivals.ways import EVERY, FLOOR, POLLING, QUEUED

ROUTED = Sample(100.0, 100.5, 103.5, routed=101.0, started=101.5, ended=103.0)
POSTED = Sample(100.0, 100.25, 100.75)


@pytest.mark.parametrize(("sample", "count"), [(ROUTED, 5), (POSTED, 2)])
def test_the_stages_are_the_whole_way(sample, count):
    """They follow on one another, from complete to the scoring run, with a router or without."""
    found = stages(sample)
    assert (len(found), sum(found.values())) == (count, sample.scoring - sample.complete)


def test_each_stage_has_its_median():
    """A stage that the floor does not have is empty there."""
    later = ROUTED._replace(ended=113.0, scoring=113.5)
    assert medians([ROUTED, later, later]) == [0.5, 0.5, 0.5, 11.5, 0.5]
    assert medians([POSTED]) == [0.25, None, None, None, 0.5]
    assert len(STAGES) == 5


def test_what_is_asked_is_told_in_floors():
    """Of polling one interval and two floors, of the queue three floors; of the floor nothing."""
    assert limit(POLLING, 0.5) == EVERY + 1.0
    assert (limit(QUEUED, 0.5), limit(FLOOR, 0.5)) == (1.5, None)


def test_the_95th_percentile_lies_near_the_end():
    """One value is its own."""
    assert p95([3.0]) == 3.0
    assert p95([float(number) for number in range(101)]) == 95.0
