"""What the harness puts into queues is Event Grid's: the product reads all but the rubbish."""

from __future__ import annotations

import random

import pytest
from arrivals import messages
from arrivals.shapes import Step

from airflow_provider_fabml.core.arrivals.event_grid import Arrived, Ignored, parse_message

PATH = "datasets/quiet/date=2025-01-01/a.csv"


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Step(0, "write", "a.csv", 3), Arrived),
        (Step(0, "write", "_SUCCESS"), Arrived),
        (Step(0, "rename", "x", to="a.csv"), Arrived),
        (Step(0, "write", "a.csv"), Ignored),
    ],
)
def test_each_change_reads_as_what_it_is(step, kind):
    """In both schemas and encodings an arrival names its blob, and a file that begins is ignored."""
    dice = random.Random(1)  # noqa: S311 - the same in every run
    place = {"account": "trustedlake", "container": "trusted", "dice": dice}
    texts = [messages.text_of(step, PATH, **place) for _ in range(40)]
    assert len({text[0] for text in texts}) == 2, "as JSON and as base64 of it"
    for text in texts:
        (found,) = parse_message(text)
        assert isinstance(found, kind)
        if isinstance(found, Arrived):
            assert (found.account, found.container, found.path) == ("trustedlake", "trusted", PATH)


def test_one_in_twenty_is_lost_and_some_come_twice_or_late():
    """Of many changes the planned shares are lost, doubled, late and followed by rubbish."""
    dice = random.Random(2)  # noqa: S311
    sent = [messages.delivered("text", dice) for _ in range(4000)]
    good = [[s for s in each if s.text != messages.RUBBISH] for each in sent]
    shares = {
        messages.LOST: sum(not each for each in good) / 4000,
        messages.DOUBLED: sum(len(each) == 2 for each in good) / 4000,
        messages.POISON: sum(len(a) != len(b) for a, b in zip(sent, good, strict=True)) / 4000,
    }
    assert all(abs(seen - planned) < 0.015 for planned, seen in shares.items()), shares
    assert 0 < sum(s.after > 0 for each in good for s in each) < 4000
