"""One seeded campaign: load, strikes, recovery, verdict."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, NamedTuple

from faults import strikes, truth
from faults.hands import Hands
from faults.load import Load
from faults.striker import Hit, Striker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from faults.rig import Rig
    from faults.seen import Seen
    from faults.strikes import Strike
    from faults.truth import Metadata
    from faults.verdict import Verdict

TICK = 0.08
# Seconds between two strikes, tries for each, and when none hits any more.
PAUSE = 5.0
TRIES = 4
GIVE_UP = 240.0
RECOVERY = 420.0


class Outcome(NamedTuple):
    """What a campaign did and found."""

    seed: int
    hits: list[Hit]
    missed: list[Strike]
    verdict: Verdict
    requests: dict[str, int]
    revived: int
    seconds: float


class Campaign:
    """Runs one program against a rig.

    :param width: DAG runs kept in flight.
    :param log: file that receives one JSON line for each strike.
    """

    def __init__(self, rig: Rig, metadata: Metadata, *, seed: int, width: int, log: Path) -> None:
        self._rig, self._metadata, self._seed, self._log = rig, metadata, seed, log
        self._prefix = f"seed{seed}-"
        self._load = Load(rig.cluster.api, self._prefix, width)
        self._hands = Hands(rig, metadata)
        self._striker = Striker(rig, metadata, self._hands, self._load)
        self._hits: list[Hit] = []
        self._seen: Sequence[Seen] = []
        self._peace_until = 0.0

    def run(self, program: Sequence[Strike]) -> Outcome:
        """Do it; return once every DAG run has ended, or did not in time."""
        began = time.monotonic()
        missed = self._strike_all(program)
        self._recover()
        return Outcome(
            seed=self._seed,
            hits=self._hits,
            missed=missed,
            verdict=truth.verdict(self._rig, self._metadata, self._prefix, self._striker.cleared),
            requests=_requests(self._rig),
            revived=len(self._rig.cluster.revived),
            seconds=time.monotonic() - began,
        )

    def _strike_all(self, program: Sequence[Strike]) -> list[Strike]:
        """Strike at whatever point is reached first, the program's order deciding between several."""
        waiting = list(program)
        tries = dict.fromkeys(program, TRIES)
        armed: Strike | None = None
        last = time.monotonic()
        while waiting and time.monotonic() - last < GIVE_UP:
            armed = armed or self._arm(waiting)
            self._tick(loading=armed or waiting[0])
            hit = self._hit([armed, *waiting] if armed else waiting)
            if hit is not None:
                last = time.monotonic()
                self._note(hit)
                waiting.remove(hit.strike)
            if armed is not None and (armed not in waiting or self._striker.too_long):
                self._striker.disarm(lasting=armed not in waiting)
                tries[armed] -= 1
                if armed in waiting:
                    waiting.remove(armed)
                    waiting += [armed] if tries[armed] else []
                armed = None
        return [strike for strike in program if strike not in {hit.strike for hit in self._hits}]

    def _arm(self, waiting: Sequence[Strike]) -> Strike | None:
        found = next((each for each in waiting if each.cell.point in strikes.ARMED), None)
        if found is not None:
            self._striker.arm(found)
        return found

    def _hit(self, waiting: Sequence[Strike]) -> Hit | None:
        if time.monotonic() < self._peace_until or self._in_flight < self._load.width // 2:
            return None
        armed = waiting[0]
        for strike in waiting:
            if strike is not armed and strike.cell.point in strikes.ARMED:
                continue
            hit = self._striker.try_to_hit(strike, self._seen, self._in_flight)
            if hit is not None:
                self._peace_until = time.monotonic() + PAUSE
                return hit
        return None

    def _recover(self) -> None:
        """Let everything end that goes on."""
        deadline = time.monotonic() + RECOVERY
        while (self._goes_on() or not self._hands.idle) and time.monotonic() < deadline:
            self._tick(loading=None)
            time.sleep(0.5)

    def _goes_on(self) -> bool:
        states = self._metadata.runs().values()
        return any(state not in {"success", "failed"} for state in states)

    def _tick(self, *, loading: Strike | None) -> None:
        time.sleep(TICK)
        self._hands.tick()
        self._rig.cluster.revive()
        self._seen = self._metadata.tasks()
        if loading is not None:
            self._load.tick(self._in_flight, loading.cell.mode)

    @property
    def _in_flight(self) -> int:
        return len({(each.key.dag_id, each.key.run_id) for each in self._seen})

    def _note(self, hit: Hit) -> None:
        self._hits.append(hit)
        strike, cell = hit.strike, hit.strike.cell
        line = {
            "seed": self._seed,
            "number": strike.number,
            "at": round(hit.at, 1),
            "clock": time.strftime("%H:%M:%S"),
            **cell._asdict(),
            "how": strike.how,
            "target": list(hit.target),
            "struck": hit.struck,
            "runs in flight": hit.in_flight,
        }
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


def _requests(rig: Rig) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in rig.emulator.requests.all():
        kind = _kind(entry.method, entry.path)
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _kind(method: str, path: str) -> str:
    if "/oauth2/" in path or "/.well-known/" in path:
        return "token"
    if path.endswith("/cancel"):
        return "cancel"
    if path.endswith("/jobs"):
        return "invoke" if method == "POST" else "list jobs"
    return "read job" if "/jobs/" in path else "endpoint"
