"""The messages of the harness are Event Grid's: the product reads all but the rubbish."""

from __future__ import annotations

import random

import pytest
from arrivals import messages
from arrivals.shapes import Step

from airflow_provider_fabml.core.arrivals.event_grid import Arrived, Ignored, parse_message

AT = "2026-01-31T12:00:00+00:00"
PATH, BEFORE = "datasets/quiet/date=2025-01-01/a.csv", "datasets/quiet/_temporary/0/a.csv"


def _event(step, before=""):
    return messages.event(step, PATH, before, at=AT, account="trustedlake", container="trusted")


@pytest.mark.parametrize(
    ("step", "before", "kind"),
    [
        (Step(0, "write", "a.csv", 3), "", Arrived),
        (Step(0, "write", "_SUCCESS"), "", Arrived),
        (Step(0, "rename", "x", to="a.csv"), BEFORE, Arrived),
        (Step(0, "write", "a.csv"), "", Ignored),
        (Step(0, "delete", "a.csv"), "", Ignored),
        (Step(0, "mkdir", "."), "", Ignored),
    ],
)
def test_each_change_reads_as_what_it_is(step, before, kind):
    """In both schemas and encodings an arrival names its blob, and what is none is ignored."""
    dice = random.Random(1)  # noqa: S311 - the same in every run
    texts = [s.text for _ in range(60) for s in messages.delivered(_event(step, before), dice)]
    for text in set(texts) - {messages.RUBBISH}:
        (found,) = parse_message(text)
        assert isinstance(found, kind)
        if isinstance(found, Arrived):
            assert (found.account, found.container, found.path) == ("trustedlake", "trusted", PATH)


def test_one_in_twenty_is_lost_and_some_come_twice_or_late():
    """Of many changes the planned shares are lost, doubled, late and followed by rubbish."""
    dice = random.Random(2)  # noqa: S311
    event = _event(Step(0, "write", "a.csv", 3))
    sent = [messages.delivered(event, dice) for _ in range(4000)]
    good = [[s for s in each if s.text != messages.RUBBISH] for each in sent]
    shares = {
        messages.LOST: sum(not each for each in good) / 4000,
        messages.DOUBLED: sum(len(each) == 2 for each in good) / 4000,
        messages.POISON: sum(len(a) != len(b) for a, b in zip(sent, good, strict=True)) / 4000,
    }
    assert all(abs(seen - planned) < 0.015 for planned, seen in shares.items()), shares
    assert 0 < sum(s.after > 0 for each in good for s in each) < 4000
