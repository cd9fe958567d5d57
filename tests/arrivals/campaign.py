"""One seeded run: partitions land, processes die, storage goes and comes; then all is judged."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from arrivals import plan, pressure
from arrivals.lander import Lander
from arrivals.records import READ, Jobs, Records
from arrivals.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arrivals.facts import Place, Scored, Skip, State, Wake
    from arrivals.plan import Strike
    from arrivals.postbox import Postbox
    from arrivals.pressure import Again
    from arrivals.verdict import Verdict
    from arrivals.world import World

TICK = 0.1
LOOK = 1.0
TELL = 30.0
# Seconds after the last landing within which everything ends; at the end, quiet ones for doubles.
RECOVERY = 1200.0
AFTER = 45.0
# A slow job is shown as running until another run of its partition was skipped, or for so many leases.
HOLD = 3


class Outcome(NamedTuple):
    """What was done and found."""

    verdict: Verdict
    not_successful: list[str]
    left: int
    killed: dict[str, int]
    storage: tuple[int, int]
    missed: int
    messages: dict[str, int]
    retried: int
    wakes: int
    again: Again
    skipped: tuple[int, int]
    waits: list[tuple[float, float]]
    seconds: float


class Campaign:
    """Runs a plan against a world, in one thread.

    :param postbox: takes each change and puts messages into the queue, or loses them.
    :param slow: partitions whose jobs outlast the lease.
    :param lease: the routers', in seconds.
    """

    def __init__(
        self,
        world: World,
        landings: Sequence[plan.Landing],
        postbox: Postbox,
        slow: frozenset[Place],
        lease: float,
    ) -> None:
        self._world, self._postbox = world, postbox
        self._slow, self._lease = slow, lease
        self._began = time.time()
        self._container = world.container()
        self._lander = Lander(self._container, landings, postbox.tell, self._began)
        self._database = Records(world.postgres.address)
        self._jobs = Jobs(world.emulator)
        self._known: set[str] = set()
        self._held: set[str] = set()
        self._read: dict[str, str] = {}
        self._storage_back: float | None = None
        self._stops = self._starts = self._missed = 0
        self._next_look = self._next_word = 0.0

    def run(self, strikes: Sequence[Strike]) -> Outcome:
        """Do it; return once everything has ended, or has not in time."""
        waiting = list(strikes)
        while self._lander.left or waiting:
            self._tick(waiting)
            if time.time() > self._began + self._latest(strikes):
                break
        self._recover()
        return self._outcome(missed=self._missed + len(waiting))

    def _latest(self, strikes: Sequence[Strike]) -> float:
        return max((strike.at for strike in strikes), default=0.0) + RECOVERY

    def _recover(self) -> None:
        """Wait for the end, and then for a while whether something is scored that should not be."""
        deadline = time.time() + RECOVERY
        quiet_since = time.time()
        while time.time() < min(deadline, quiet_since + AFTER):
            self._tick([])
            if self._goes_on():
                quiet_since = time.time()

    def _goes_on(self) -> bool:
        return bool(self._unread() or self._held or self._database.going())

    def _unread(self) -> list[State]:
        """The newest complete states of which no job has begun."""
        newest = {state.place: state for state in self._lander.states if state.complete}
        begun = {(job.place, self._read.get(job.name)) for job in self._jobs.all}
        return [state for place, state in newest.items() if (place, state.digest) not in begun]

    def _tick(self, waiting: list[Strike]) -> None:
        time.sleep(TICK)
        self._lander.tick(self._has_read)
        self._postbox.tick()
        self._strike(waiting)
        if time.time() >= self._next_look:
            self._look()
            self._next_look = time.time() + LOOK
        if time.time() >= self._next_word:
            self._say()
            self._next_word = time.time() + TELL

    def _look(self) -> None:
        """See which jobs there are, and let those go on during which a router has looked."""
        self._jobs.look()
        self._read = self._database.read_by_job()
        control, looks = self._world.emulator.control, self._database.wakes()
        skips = self._database.skips() if self._slow else []
        for job in self._jobs.all:
            if job.name not in self._known:
                control.set_state(job.name, "Running")
                self._held.add(job.name)
            elif job.name in self._held and _looked(job, looks) and not self._slows(job, skips):
                control.set_state(job.name, None)
                self._held.discard(job.name)
            self._known.add(job.name)

    def _slows(self, job: Scored, skips: Sequence[Skip]) -> bool:
        """Whether a slow job still waits for another run of its partition."""
        met = any(skip.place == job.place and skip.at > job.seen for skip in skips)
        return job.place in self._slow and not met and time.time() < job.seen + HOLD * self._lease

    def _has_read(self, state: State) -> bool:
        return any(
            job.place == state.place
            and job.state in READ
            and self._read.get(job.name) == state.digest
            for job in self._jobs.all
        )

    def _strike(self, waiting: list[Strike]) -> None:
        if self._storage_back is not None and time.time() >= self._storage_back:
            self._world.azurite.start()
            self._storage_back = None
            self._starts += 1
        if waiting and time.time() - self._began >= waiting[0].at:
            strike = waiting[0]
            if strike.victims == (plan.STORAGE,):
                self._world.azurite.stop()
                self._storage_back = time.time() + strike.seconds
                self._stops += 1
            elif not all(self._world.settled(name) for name in strike.victims):
                return
            else:
                for name in strike.victims:
                    self._world.kill(name)
            waiting.pop(0)
            print(f"{time.time() - self._began:6.0f} s  struck: {', '.join(strike.victims)}")

    def _say(self) -> None:
        ended = sum(job.state == "Completed" for job in self._jobs.all)
        print(
            f"{time.time() - self._began:6.0f} s  {self._lander.left} folders not finished, "
            f"{len(self._unread())} versions not begun, {len(self._jobs.all)} jobs ({ended} ended)",
            flush=True,
        )

    def _outcome(self, missed: int) -> Outcome:
        self._jobs.look()
        wakes = self._database.wakes()
        jobs: list[Scored] = self._jobs.with_manifests(self._container)
        skips = self._database.skips()
        found = Outcome(
            verdict=judge(self._lander.states, jobs, wakes),
            not_successful=self._database.not_successful(),
            left=self._lander.left,
            killed=self._world.killed,
            storage=(self._stops, self._starts),
            missed=missed,
            messages=self._postbox.found(),
            retried=self._lander.retried,
            wakes=len(wakes),
            again=pressure.again(self._database.emissions(), jobs, skips, self._lease),
            skipped=pressure.skipped(skips, jobs),
            waits=self._database.waits(),
            seconds=time.time() - self._began,
        )
        self._database.close()
        self._container.close()
        return found


def _looked(job: Scored, looks: Sequence[Wake]) -> bool:
    """Whether the job's router has looked, from begin to end, since the job was seen."""
    return any(look.tree == job.place.tree and look.began > job.seen for look in looks)
