"""Arms a strike, watches for its point, and strikes the moment a task instance is there."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from faults import strikes, truth
from faults.rig import now, ports_of
from faults.seen import Facts, Key, Seen, is_at
from faults.verdict import ENDED

from airflow_provider_fabml.emulator import ControlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faults.hands import Hands
    from faults.load import Load
    from faults.rig import Rig
    from faults.strikes import Strike
    from faults.truth import Metadata

PATIENCE = 40.0
# The points around the POST are reached by delaying what a task sends: seconds a message.
LATE = 0.6
HELD = (strikes.AFTER_INTENT, strikes.DURING_POST)
SLOW_ANSWER = 6.0


class Hit(NamedTuple):
    """A strike that hit: when (seconds since the start), whom, and how many runs were in flight."""

    strike: Strike
    at: float
    target: Key
    struck: str
    in_flight: int


class Striker:
    """Works through a program, one strike at a time; one that finds no target is tried again later."""

    def __init__(self, rig: Rig, metadata: Metadata, hands: Hands, load: Load) -> None:
        self._rig, self._metadata, self._hands, self._load = rig, metadata, hands, load
        self._began = now()
        self._since = 0.0
        self._chosen: Seen | None = None
        self._triggerer: str | None = None
        self._ended: dict[str, float] = {}
        self.cleared: dict[Key, int] = {}

    def arm(self, strike: Strike) -> None:
        """Prepare what makes the point of *strike* last long enough to be hit."""
        self._since, self._chosen, self._triggerer = now(), None, None
        if strike.cell.point == strikes.AFTER_POST:
            path = f"/endpoints/heart-{strike.cell.mode}/jobs$"
            self._rig.emulator.control.add_fault(method="POST", path=path, delay=SLOW_ANSWER)

    def disarm(self, *, lasting: bool) -> None:
        """Take back what :meth:`arm` did; *lasting* leaves an answer slow that is being given."""
        if not lasting:
            self._rig.emulator.control.clear_faults()
        if self._chosen is not None and self._chosen.pid:
            self._rig.azure_ml_proxy.release(ports_of(self._chosen.pid))
            self._rig.storage_proxy.slow(ports_of(self._chosen.pid), 0)

    @property
    def too_long(self) -> bool:
        """Whether the point was waited for long enough."""
        return now() - self._since > PATIENCE

    def try_to_hit(self, strike: Strike, seen: Sequence[Seen], in_flight: int) -> Hit | None:
        """Strike if one of *seen* is at the point; None if none is, or it had moved on."""
        mode = [each for each in seen if each.key.mode == strike.cell.mode]
        target = self._target(strike, mode)
        if target is None:
            return None
        triggerer = self._triggerer or self._hands.triggerer_of(target)
        if not self._hands.can(strike, target, triggerer):
            return None
        held = self._freeze(strike, target)
        struck = self._hands.strike(strike, target, triggerer)
        self._thaw(strike, held)
        if strike.how == strikes.KILL and not self._stayed(strike, target):
            return None
        return Hit(strike, now() - self._began, target.key, struck, in_flight)

    def _target(self, strike: Strike, seen: list[Seen]) -> Seen | None:
        point = strike.cell.point
        if point == strikes.CANCELLING and self._chosen is None:
            self._clear_one(strike, seen)
            return None
        if point in (*HELD, strikes.CHECKING):
            self._follow(strike, seen)
        aimed = point in strikes.ARMED and self._chosen is not None
        candidates = [each for each in seen if not aimed or self._is_chosen(each)]
        found = [each for each in candidates if is_at(point, each, self._facts(point, each))]
        return found[int(strike.dice * len(found))] if found else None

    def _follow(self, strike: Strike, seen: list[Seen]) -> None:
        """Choose a task that comes to the point, and delay what it sends from now on."""
        checking = strike.cell.point == strikes.CHECKING
        earlier = self._is_before_check if checking else self._is_before_intent
        alive = {(each.key, each.pid) for each in seen if each.state == "running"}
        if self._chosen is None or (self._chosen.key, self._chosen.pid) not in alive:
            found = [each for each in seen if earlier(each)]
            self._chosen = found[int(strike.dice * len(found))] if found else None
        if self._chosen is not None and self._chosen.pid:
            proxy = self._rig.storage_proxy if checking else self._rig.azure_ml_proxy
            proxy.slow(ports_of(self._chosen.pid), LATE)

    def _is_before_intent(self, seen: Seen) -> bool:
        return is_at(strikes.BEFORE_INTENT, seen, Facts())

    def _is_before_check(self, seen: Seen) -> bool:
        return seen.state == "running" and seen.pid is not None and seen.job_name is not None

    def _clear_one(self, strike: Strike, seen: list[Seen]) -> None:
        """Clear a task in mid-polling: the next try cancels the job of the attempt before."""
        found = [each for each in seen if self._is_young(each)]
        if not found:
            return
        self._chosen = found[int(strike.dice * len(found))]
        self._triggerer = self._hands.triggerer_of(self._chosen)
        self._rig.emulator.control.add_fault(
            method="POST", path=f"/{self._chosen.job_name}/cancel$", delay=SLOW_ANSWER, times=2
        )
        self.cleared[self._chosen.key] = self.cleared.get(self._chosen.key, 0) + 1
        self._load.clear(self._chosen.key)

    def _is_young(self, seen: Seen) -> bool:
        """Whether its job has just begun, so that it still runs when the next try comes."""
        if not is_at(strikes.POLLING, seen, self._facts(strikes.POLLING, seen)):
            return False
        return self._state(seen.job_name) in {"Preparing", "Queued"}

    def _facts(self, point: str, seen: Seen) -> Facts:
        """What is known of it besides; only what the point asks for is looked up."""
        return Facts(
            posted=point in (strikes.AFTER_POST, *HELD)
            and seen.invocation_id in truth.invocations(self._rig.emulator),
            held=point in HELD and self._is_chosen(seen) and self._holds(seen),
            ended=seen.job_name is not None and self._has_ended(seen.job_name),
            checking=point == strikes.CHECKING and self._is_chosen(seen) and self._checks(seen),
            cancelling=point == strikes.CANCELLING
            and self._is_chosen(seen)
            and self._cancels(seen),
        )

    def _is_chosen(self, seen: Seen) -> bool:
        return self._chosen is not None and seen.key == self._chosen.key

    def _holds(self, seen: Seen) -> bool:
        return bool(seen.pid and self._rig.azure_ml_proxy.held(ports_of(seen.pid)))

    def _checks(self, seen: Seen) -> bool:
        since = self._ended.get(seen.job_name or "", now())
        return bool(seen.pid and self._rig.storage_proxy.sent_since(ports_of(seen.pid), since))

    def _cancels(self, seen: Seen) -> bool:
        """Whether its process is the one that waits for the answer to a cancellation.

        That is the old try's where it heard of the Clear, and the new try's where it settles the
        attempt before.
        """
        name = self._chosen.job_name if self._chosen else None
        asked = self._rig.emulator.requests.matching("POST", f"/{name}/cancel")
        if not asked or not seen.pid:
            return False
        since = now() - (time.time() - datetime.fromisoformat(asked[-1].time).timestamp())
        return self._rig.azure_ml_proxy.sent_since(ports_of(seen.pid), since - 0.5)

    def _state(self, name: str | None) -> str:
        try:
            return str(self._rig.emulator.control.job(name or "")["state"])
        except ControlError:
            return "unknown"

    def _has_ended(self, name: str) -> bool:
        if name not in self._ended and self._state(name) in ENDED:
            self._ended[name] = now()
        return name in self._ended

    def _freeze(self, strike: Strike, target: Seen) -> list[int]:
        if strike.cell.point not in HELD or not target.pid:
            return []
        held = self._rig.azure_ml_proxy.held(ports_of(target.pid))
        self._rig.azure_ml_proxy.hold(held)
        return held

    def _thaw(self, strike: Strike, held: list[int]) -> None:
        """After the intent the POST never arrives; during the POST it arrives, but late."""
        if not held:
            return
        proxy = self._rig.azure_ml_proxy
        lost = strike.cell.point == strikes.AFTER_INTENT and strike.how == strikes.KILL
        self._hands.later(
            0.0 if lost else max(2.0, strike.seconds), lambda: proxy.release(held, discard=lost)
        )

    def _stayed(self, strike: Strike, target: Seen) -> bool:
        """Whether the kill came before the task had moved on: its row is read again."""
        if strike.cell.victim not in (strikes.TASK, strikes.WORKER):
            return True
        if strike.cell.point in (strikes.RESUMING, strikes.CANCELLING):
            return True
        time.sleep(0.05)
        again = [each for each in self._metadata.tasks() if each.key == target.key]
        return bool(again) and again[0]._replace(pid=target.pid) == target
