"""How long to wait before the next look at a job."""

from __future__ import annotations

from typing import NamedTuple

# A tiny real job takes about 6 minutes, half of it waiting for a node (recordings of 2022-11); a
# reused or local one can end in seconds. So the first looks come sooner than the steady interval.
FIRST_LOOK = 1.0
GROWTH = 2.0
# Airflow 3.3.2 marks deferrals shorter than about 5 s as failed (state mismatch), so a trigger's
# first look comes no sooner than this (D5).
TRIGGER_FLOOR = 10.0


class Pace(NamedTuple):
    """``poll_interval`` is the steady interval in seconds, ``floor`` the shortest wait."""

    poll_interval: float
    floor: float = 0.0


def next_wait(pace: Pace, looks: int, jitter: float, retry_after: float | None = None) -> float:
    """Seconds until look number ``looks + 1`` (``looks`` were made), at most the steady interval.

    Starts at a second and doubles up to ``poll_interval``; ``jitter`` in [0, 1) spreads many waiters by
    up to a tenth. A service's ``Retry-After`` is obeyed when it asks for longer.
    """
    ramp = FIRST_LOOK * GROWTH ** min(looks, 30)
    wait = max(pace.floor, min(ramp, pace.poll_interval))
    return max(wait * (1 + 0.1 * jitter), retry_after or 0.0)
