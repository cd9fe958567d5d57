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
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from faults.aim import Aim
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
# How many strikes of the program, besides the armed ones, are looked for at the same time.
AHEAD = 4
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
            verdict=truth.verdict(
                self._rig,
                self._metadata,
                self._prefix,
                self._striker.cleared,
                self._striker.untold,
            ),
            requests=_requests(self._rig),
            revived=len(self._rig.cluster.revived),
            seconds=time.monotonic() - began,
        )

    def _strike_all(self, program: Sequence[Strike]) -> list[Strike]:
        """Strike at whatever point is reached first, the program's order deciding between several."""
        waiting, tries = list(program), dict.fromkeys(program, TRIES)
        armed: dict[str, Aim] = {}
        last = time.monotonic()
        while waiting and time.monotonic() - last < GIVE_UP:
            self._arm(waiting, armed)
            self._tick(loading=waiting[0].cell.mode)
            hit = self._hit(waiting, armed)
            if hit is not None:
                last = time.monotonic()
                self._note(hit)
                waiting.remove(hit.strike)
            for mode, aim in list(armed.items()):
                if hit is not None and aim.strike == hit.strike:
                    armed.pop(mode).disarm()
                elif aim.too_long:
                    armed.pop(mode).disarm()
                    tries[aim.strike] -= 1
                    waiting.remove(aim.strike)
                    waiting += [aim.strike] if tries[aim.strike] else []
        struck = {hit.strike for hit in self._hits}
        return [strike for strike in program if strike not in struck]

    def _arm(self, waiting: Sequence[Strike], armed: dict[str, Aim]) -> None:
        """Prepare the next strike of each mode whose point has to be prepared."""
        for strike in waiting:
            if strike.cell.point in strikes.ARMED and strike.cell.mode not in armed:
                armed[strike.cell.mode] = self._striker.aim(strike)
                armed[strike.cell.mode].arm()

    def _hit(self, waiting: Sequence[Strike], armed: Mapping[str, Aim]) -> Hit | None:
        if time.monotonic() < self._peace_until or self._in_flight < self._load.width // 2:
            return None
        others = [each for each in waiting if each.cell.point not in strikes.ARMED][:AHEAD]
        for aim in [*armed.values(), *map(self._striker.aim, others)]:
            hit = self._striker.try_to_hit(aim, self._seen, self._in_flight)
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

    def _tick(self, *, loading: str | None) -> None:
        time.sleep(TICK)
        self._hands.tick()
        self._rig.cluster.revive()
        self._seen = self._metadata.tasks()
        if loading is not None:
            self._load.tick(self._in_flight, loading)

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
