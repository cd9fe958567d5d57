"""Does what a strike says: signals to processes, commands to proxies; and undoes it later."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING

import psutil
from faults import strikes
from faults.cluster import TRIGGERERS, WORKERS
from faults.rig import ports_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.proxy import Proxy
    from faults.rig import Rig
    from faults.seen import Seen
    from faults.strikes import Strike
    from faults.truth import Metadata


# States in which the task instance's process id is that of a live process.
AT_WORK = ("running", "restarting")
# Seconds between two strikes at a part of the cluster: not all of it may be down all of the time.
PEACE = 12.0


class Hands:
    """Strikes, and keeps what has to be done later: SIGCONT, the end of a stall."""

    def __init__(self, rig: Rig, metadata: Metadata) -> None:
        self._rig, self._metadata = rig, metadata
        self._still: set[str] = set()
        self._last_part = 0.0
        self._later: list[tuple[float, Callable[[], None]]] = []

    def can(self, strike: Strike, target: Seen, triggerer: str | None) -> bool:
        """Return whether the victim is at work: not gone, not just started, not standing still."""
        if strike.cell.victim in (strikes.CONNECTION, strikes.TASK):
            return True
        name = self._name(strike, target, triggerer)
        rested = time.monotonic() - self._last_part > PEACE
        return rested and name not in self._still and self._rig.cluster.settled(name)

    def strike(self, strike: Strike, target: Seen, triggerer: str | None) -> str:
        """Strike; return what was struck: a name and process ids, or connections."""
        if strike.cell.victim == strikes.CONNECTION:
            return self._cut(strike, target)
        name = self._name(strike, target, triggerer)
        family = self._family(name, target)
        if name != strikes.TASK:
            self._last_part = time.monotonic()
        number = signal.SIGKILL if strike.how == strikes.KILL else signal.SIGSTOP
        _signal(family, number)
        if strike.how == strikes.STOP:
            self._still.add(name)
            self.later(strike.seconds, lambda: self._go_on(name, family))
        return f"{name} {[process.pid for process in family]}"

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do *action* in some seconds."""
        self._later.append((time.monotonic() + seconds, action))

    def tick(self) -> None:
        """Do what is due."""
        due = [each for each in self._later if each[0] <= time.monotonic()]
        self._later = [each for each in self._later if each not in due]
        for _, action in due:
            action()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be undone."""
        return not self._later

    def triggerer_of(self, target: Seen) -> str | None:
        """Return the triggerer that runs the target's trigger, None where that process is gone."""
        return self._metadata.triggerers().get(target.triggerer_id or -1)

    def _go_on(self, name: str, family: list[psutil.Process]) -> None:
        _signal(family, signal.SIGCONT)
        self._still.discard(name)

    def _name(self, strike: Strike, target: Seen, triggerer: str | None) -> str:
        dice = strike.dice
        match strike.cell.victim:
            case strikes.WORKER:
                alive = target.pid if target.state in AT_WORK else None
                found = self._rig.cluster.worker_of(alive) if alive else None
                return found or WORKERS[int(dice * len(WORKERS))]
            case strikes.TRIGGERER:
                return triggerer or TRIGGERERS[int(dice * len(TRIGGERERS))]
            case other:
                return other

    def _family(self, name: str, target: Seen) -> list[psutil.Process]:
        if name != strikes.TASK:
            return self._rig.cluster.tree(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            return [psutil.Process(target.pid)]
        return []

    def _cut(self, strike: Strike, target: Seen) -> str:
        proxy = self._proxy(strike)
        ports = ports_of(target.pid) if target.state in AT_WORK and target.pid else None
        if strike.how == "stall":
            proxy.stall()
            self.later(strike.seconds, proxy.go_on)
            return f"all connections for {strike.seconds:g} s"
        if strike.how == "half-cut" and ports:
            proxy.half_cut(ports)
            return f"connections of process {target.pid}, one way"
        return f"{proxy.cut(ports)} connections"

    def _proxy(self, strike: Strike) -> Proxy:
        checking = strike.cell.point == strikes.CHECKING
        return self._rig.storage_proxy if checking else self._rig.azure_ml_proxy


def _signal(family: list[psutil.Process], number: signal.Signals) -> None:
    """Signal the whole family; SIGKILL in one sweep, so that no parent sees a child end first."""
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
