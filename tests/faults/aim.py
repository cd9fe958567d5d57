"""One strike on its way: what is slowed for it, whom it follows, and when its point is reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from faults import strikes
from faults.rig import now, ports_of
from faults.seen import Facts, Key, Seen, is_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faults.hands import Hands
    from faults.load import Load
    from faults.rig import Rig
    from faults.senses import Senses
    from faults.strikes import Strike

PATIENCE = 40.0
# The points around the POST are reached by delaying what a task sends: seconds a message.
LATE = 0.6
HELD = (strikes.AFTER_INTENT, strikes.DURING_POST)
SLOW_ANSWER = 6.0


def is_told(pid: int | None) -> bool:
    """Whether there is a process of the task, or a triggerer, that hears of a Clear."""
    return pid is None or Path(f"/proc/{pid}").exists()


class Aim:
    """Aims one strike.

    :param clears: how often each task instance was cleared, and besides so that no process was left to
        be told; both are counted on.
    """

    def __init__(
        self,
        strike: Strike,
        rig: Rig,
        senses: Senses,
        hands: Hands,
        load: Load,
        clears: tuple[dict[Key, int], dict[Key, int]],
    ) -> None:
        self.strike = strike
        self._rig, self._senses, self._hands, self._load = rig, senses, hands, load
        self._cleared, self._untold = clears
        self._chosen: Seen | None = None
        self.triggerer: str | None = None
        self._began = now()

    def arm(self) -> None:
        """Make the answer to the next POST slow, where that is the point."""
        self._began = now()
        if self.strike.cell.point == strikes.AFTER_POST:
            path = f"/endpoints/heart-{self.strike.cell.mode}/jobs$"
            self._rig.emulator.control.add_fault(method="POST", path=path, delay=SLOW_ANSWER)

    def disarm(self) -> None:
        """Slow nobody any more. A slow answer that nobody has had is left for whoever gets it."""
        if self._chosen is not None and self._chosen.pid:
            ports = ports_of(self._chosen.pid)
            self._rig.azure_ml_proxy.slow(ports, 0)
            self._rig.storage_proxy.slow(ports, 0)

    @property
    def too_long(self) -> bool:
        """Whether the point was waited for long enough."""
        return now() - self._began > PATIENCE

    def target(self, seen: Sequence[Seen]) -> Seen | None:
        """Return a task instance that is at the point now."""
        point, mode = self.strike.cell.point, self.strike.cell.mode
        mine = [each for each in seen if each.key.mode == mode]
        if point == strikes.CANCELLING and self._chosen is None:
            self._clear_one(mine)
            return None
        if point in (*HELD, strikes.CHECKING):
            self._follow(mine)
        aimed = point in strikes.ARMED and self._chosen is not None
        mine = [each for each in mine if not aimed or self._is_chosen(each)]
        return self._one([each for each in mine if is_at(point, each, self._facts(each))])

    def freeze(self, target: Seen) -> list[int]:
        """Hold the POST where the proxy has it; return its connections."""
        if self.strike.cell.point not in HELD:
            return []
        held = self._senses.held(target)
        self._rig.azure_ml_proxy.hold(held)
        return held

    def thaw(self, held: list[int]) -> None:
        """After the intent the POST of a killed process never arrives; during the POST it does, late."""
        if not held:
            return
        proxy, strike = self._rig.azure_ml_proxy, self.strike
        lost = strike.cell.point == strikes.AFTER_INTENT and strike.how == strikes.KILL
        late = 0.0 if lost else max(2.0, strike.seconds)
        self._hands.later(late, lambda: proxy.release(held, discard=lost))

    def _one(self, found: Sequence[Seen]) -> Seen | None:
        return found[int(self.strike.dice * len(found))] if found else None

    def _follow(self, seen: list[Seen]) -> None:
        """Choose a task that comes to the point, and delay what it sends from now on."""
        checking = self.strike.cell.point == strikes.CHECKING
        alive = {(each.key, each.pid) for each in seen if each.state == "running"}
        if self._chosen is None or (self._chosen.key, self._chosen.pid) not in alive:
            earlier = _is_before_check if checking else _is_before_intent
            self._chosen = self._one([each for each in seen if earlier(each)])
        if self._chosen is not None and self._chosen.pid:
            proxy = self._rig.storage_proxy if checking else self._rig.azure_ml_proxy
            proxy.slow(ports_of(self._chosen.pid), LATE)

    def _clear_one(self, seen: list[Seen]) -> None:
        """Clear a task in mid-polling: the next try cancels the job of the attempt before."""
        self._chosen = self._one([each for each in seen if self._is_young(each)])
        if self._chosen is None:
            return
        self.triggerer = self._hands.triggerer_of(self._chosen)
        self._rig.emulator.control.add_fault(
            method="POST", path=f"/{self._chosen.job_name}/cancel$", delay=SLOW_ANSWER, times=2
        )
        self._load.clear(self._chosen.key)
        # A Clear takes long while the API server is down; the task's process may have gone meanwhile.
        counts = self._cleared if is_told(self._chosen.pid) else self._untold
        counts[self._chosen.key] = counts.get(self._chosen.key, 0) + 1
        print(
            json.dumps({"cleared": self._chosen.key, "told": counts is self._cleared}), flush=True
        )

    def _is_young(self, seen: Seen) -> bool:
        """Whether its job has just begun, so that it still runs when the next try comes."""
        polls = is_at(strikes.POLLING, seen, Facts(ended=self._senses.ended(seen)))
        return polls and self._senses.state(seen.job_name) in {"Preparing", "Queued"}

    def _facts(self, seen: Seen) -> Facts:
        point, chosen = self.strike.cell.point, self._is_chosen(seen)
        return Facts(
            posted=point == strikes.AFTER_POST and self._senses.posted(seen),
            held=point in HELD and chosen and bool(self._senses.held(seen)),
            ended=self._senses.ended(seen),
            checking=point == strikes.CHECKING and chosen and self._senses.checking(seen),
            cancelling=point == strikes.CANCELLING and chosen and self._cancels(seen),
        )

    def _cancels(self, seen: Seen) -> bool:
        return self._chosen is not None and self._senses.cancelling(seen, self._chosen.job_name)

    def _is_chosen(self, seen: Seen) -> bool:
        return self._chosen is not None and seen.key == self._chosen.key


def _is_before_intent(seen: Seen) -> bool:
    return is_at(strikes.BEFORE_INTENT, seen, Facts())


def _is_before_check(seen: Seen) -> bool:
    return seen.state == "running" and seen.pid is not None and seen.job_name is not None
