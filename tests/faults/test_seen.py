"""Each point of a task's life is told from outside, by values alone."""

from __future__ import annotations

import pytest
from faults import strikes
from faults.seen import Facts, Key, Seen, is_at

INTENT = {"invocation_id": "i1", "job": None}
ANSWERED = {"invocation_id": "i1", "job": {"job_name": "j1"}}


def _seen(mode="sync", state="running", *, resumed=False, triggerer_id=None, record=None):
    return Seen(Key(f"faults_{mode}", "r", "one", -1), 1, state, 17, resumed, triggerer_id, record)


ROWS = [
    (strikes.BEFORE_INTENT, _seen(), Facts()),
    (strikes.AFTER_INTENT, _seen(record=INTENT), Facts(held=True)),
    (strikes.DURING_POST, _seen(record=INTENT), Facts(held=True)),
    (strikes.AFTER_POST, _seen(record=INTENT), Facts(posted=True)),
    (strikes.BEFORE_DEFER, _seen("deferrable", record=ANSWERED), Facts()),
    (strikes.POLLING, _seen(record=ANSWERED), Facts()),
    (strikes.POLLING, _seen("deferrable", "deferred", triggerer_id=3, record=ANSWERED), Facts()),
    (strikes.RESUMING, _seen("deferrable", "queued", resumed=True, record=ANSWERED), Facts()),
    (strikes.CHECKING, _seen(record=ANSWERED), Facts(ended=True, checking=True)),
    (strikes.CANCELLING, _seen(record=ANSWERED), Facts(ended=True, cancelling=True)),
]


@pytest.mark.parametrize(("point", "seen", "facts"), ROWS)
def test_a_task_is_at_its_point(point, seen, facts):
    """What is seen there is recognised; a task that has not started is at no point."""
    assert is_at(point, seen, facts)
    assert not is_at(point, seen._replace(state="up_for_retry"), facts)


@pytest.mark.parametrize(("point", "seen", "facts"), ROWS)
def test_a_task_is_at_one_point(point, seen, facts):
    """No other point claims it; the two around a POST that was sent differ in what becomes of it."""
    twins = {strikes.AFTER_INTENT, strikes.DURING_POST}
    others = [each for each in strikes.POINTS if each != point and is_at(each, seen, facts)]
    assert set(others) <= twins
