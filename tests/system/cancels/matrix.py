"""What becomes of the job when a task that waits for it is ended or disturbed: row by row.

All rows run at once on one real Airflow; each test reads what was seen of its row.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.scoring_fixtures import serve
from system.cancels.events import ALONE, abandon, disturb_triggerers
from system.cancels.rows import (
    ABANDONED,
    CANCELLED,
    DISTURBED,
    LEFT,
    NEW,
    NONE,
    ROWS,
    RUN_LIMIT,
    SAME,
    TASK_LIMIT,
)
from system.cancels.world import PATIENCE, World, cancelled, until

from airflow_provider_fabml.local.airflow_api import wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from system.cancels.rows import Row

pytestmark = [pytest.mark.cancel_matrix, pytest.mark.timeout(1200)]
# Seconds within which a job that is to be cancelled is: Airflow's part and ours, on a busy machine.
PROMPT = 120
# So many runs are started at once.
AT_ONCE = 8


class Told(NamedTuple):
    """What was seen of a row: the job's fate, the next try, and seconds from event to cancellation."""

    job: str
    next_try: str
    seconds: float


@pytest.fixture(scope="module")
def seen(request, lake, tmp_path_factory) -> Iterator[dict[str, Told | Exception]]:
    """Every row that was asked for, played at once."""
    rows = _chosen([item.callspec.params["row"] for item in request.session.items])
    with (
        serve(lake, "manual") as scoring,
        World(tmp_path_factory.mktemp("cancel"), scoring, rows) as world,
    ):
        world.start_triggerer("first", "disturbed")
        world.start_triggerer("only", "abandoned")
        yield Play(world).all()


def _chosen(asked: list[Row]) -> tuple[Row, ...]:
    """The rows to play: those of a triggerer's story only together."""
    stories = {option for row in asked for option in row.options} & {DISTURBED, ABANDONED}
    return tuple(row for row in ROWS if row in asked or stories & {*row.options})


class Play:
    """Plays rows on one Airflow."""

    def __init__(self, world: World) -> None:
        self.world, self.rows = world, world.rows
        self.errors: dict[str, Exception] = {}
        self.seconds: dict[str, float] = {}
        self.jobs: dict[str, str] = {}
        self.began = time.monotonic()

    def all(self) -> dict[str, Told | Exception]:
        """What was seen of each row, or the error that stopped it."""
        # A pool's threads live as long as it, and so do the triggerers that a story starts.
        with ThreadPoolExecutor(len(self.rows) + 2) as pool:
            limited = [
                row for row in self.rows if {TASK_LIMIT, RUN_LIMIT, ABANDONED} & {*row.options}
            ]
            others = [row for row in self.rows if row not in limited]
            others.sort(key=lambda row: DISTURBED not in row.options)  # theirs is a long story
            playing: list[Future[None]] = []
            # Those with a limit come first: nothing else must keep them from their jobs.
            for rows, queue, story in (
                (limited, ABANDONED, abandon),
                (others, DISTURBED, disturb_triggerers),
            ):
                playing.append(pool.submit(self._play_together, queue, story))
                for some in [rows[at : at + AT_ONCE] for at in range(0, len(rows), AT_ONCE)]:
                    self._start(some)
                    alone = [row for row in some if row.event in ALONE]
                    playing += [pool.submit(self._guarded, self._play_alone, row) for row in alone]
            for each in playing:
                each.result()
            self._say("all events have happened")
            time.sleep(5)
            fates = {row: self._fate(row) for row in self.rows}
            self._each(pool, [row for row in self.rows if row.next_try != NONE], self._ask_for_next)
            self._say("all next tries have been seen")
        return {
            row.name: self.errors.get(row.name) or self._told(row, fates[row]) for row in self.rows
        }

    def _start(self, rows: Sequence[Row]) -> None:
        """Start some runs; return once each has a job: too many at once would miss heartbeats."""
        for row in rows:
            self._guarded(self.world.start, row)
        until(lambda: all(self.world.jobs(row) for row in rows), PATIENCE)
        self._say(f"{', '.join(row.name for row in rows)}: started")

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s: {what}", flush=True)

    def _each(self, pool: ThreadPoolExecutor, rows, do: Callable[[Row], None]) -> None:
        list(pool.map(lambda row: self._guarded(do, row), rows))

    def _guarded(self, do: Callable[[Row], None], row: Row) -> None:
        if row.name in self.errors:
            return
        try:
            do(row)
        except Exception as error:  # noqa: BLE001 - it is the row's test that fails
            self.errors[row.name] = error

    def _play_alone(self, row: Row) -> None:
        self.world.await_wait(row)
        began = time.monotonic()
        ALONE[row.event](self.world, row)
        self._await_fate(row, began)

    def _play_together(self, queue: tuple[str, str], story: Callable[..., None]) -> None:
        rows = [row for row in self.rows if queue in row.options]
        if not rows:
            return
        began = time.monotonic()
        try:
            for row in rows:
                self.world.await_wait(row)
            began = time.monotonic()
            story(self.world, {row.event: row for row in rows})
        except Exception as error:  # noqa: BLE001 - they fail together
            self.errors |= {row.name: error for row in rows}
        for row in rows:
            self._await_fate(row, began)

    def _await_fate(self, row: Row, began: float) -> None:
        if row.job == CANCELLED:
            until(lambda: cancelled(self.world.jobs(row)[0]), PROMPT)
            self.seconds[row.name] = time.monotonic() - began

    def _fate(self, row: Row) -> str:
        jobs = self.world.jobs(row)
        return "no job" if not jobs else CANCELLED if cancelled(jobs[0]) else LEFT

    def _ask_for_next(self, row: Row) -> None:
        """Clear the task if nothing else makes it run again; wait for what its next try does."""
        world = self.world
        if row.next_try == NEW and world.task(row)["state"] in {"failed", "success", "skipped"}:
            world.clear(row)
        if row.next_try == NEW:
            until(lambda: len(world.jobs(row)) > 1, PROMPT)
        elif row.next_try == SAME:
            resumed = f"Resuming job {world.jobs(row)[0]['name']}"
            wait(lambda: resumed in world.log(row), PROMPT, f"{row.name}: no second try")
        else:
            world.looked_at(row)

    def _told(self, row: Row, fate: str) -> Told:
        world, next_try = self.world, row.next_try
        if (len(world.jobs(row)) > 1) != (next_try == NEW):
            next_try = f"{len(world.jobs(row))} jobs"
        return Told(fate, next_try, self.seconds.get(row.name, 0.0))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_ends_as_the_table_says(seen: dict[str, Told | Exception], row: Row) -> None:
    """The job is cancelled only where somebody asked, and the next try takes it up or starts another."""
    told = seen[row.name]
    if isinstance(told, Exception):
        raise told
    print(f"{row.name}: {told}")
    assert (told.job, told.next_try) == (row.job, row.next_try)
