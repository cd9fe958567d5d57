"""Strikes the moment a task instance is at a strike's point."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from faults import strikes
from faults.aim import Aim
from faults.rig import now
from faults.senses import Senses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faults.hands import Hands
    from faults.load import Load
    from faults.rig import Rig
    from faults.seen import Key, Seen
    from faults.strikes import Strike
    from faults.truth import Metadata


class Hit(NamedTuple):
    """A strike that hit: when (seconds since the start), whom, and how many runs were in flight."""

    strike: Strike
    at: float
    target: Key
    struck: str
    in_flight: int


class Striker:
    """Aims and strikes; counts the Clears that this takes."""

    def __init__(self, rig: Rig, metadata: Metadata, hands: Hands, load: Load) -> None:
        self._rig, self._metadata, self._hands, self._load = rig, metadata, hands, load
        self._senses, self._began = Senses(rig), now()
        self.cleared: dict[Key, int] = {}
        self.untold: dict[Key, int] = {}

    def aim(self, strike: Strike) -> Aim:
        """Return an aim of that strike; nothing is slowed for it yet."""
        clears = self.cleared, self.untold
        return Aim(strike, self._rig, self._senses, self._hands, self._load, clears)

    def try_to_hit(self, aim: Aim, seen: Sequence[Seen], in_flight: int) -> Hit | None:
        """Strike if one of *seen* is at the point; None if none is, or it had moved on."""
        target, strike = aim.target(seen), aim.strike
        if target is None:
            return None
        triggerer = aim.triggerer or self._hands.triggerer_of(target)
        if not self._hands.can(strike, target, triggerer):
            return None
        held = aim.freeze(target)
        struck = self._hands.strike(strike, target, triggerer)
        aim.thaw(held)
        if not self._stayed(strike, target):
            return None
        return Hit(strike, now() - self._began, target.key, struck, in_flight)

    def _stayed(self, strike: Strike, target: Seen) -> bool:
        """Whether the blow came before the task had moved on: its row is read again."""
        if strike.cell.victim not in {strikes.TASK, strikes.WORKER}:
            return True
        if strike.cell.point in {strikes.RESUMING, strikes.CANCELLING}:
            return True
        time.sleep(0.05)
        again = [each for each in self._metadata.tasks() if each.key == target.key]
        return bool(again) and again[0]._replace(pid=target.pid) == target
