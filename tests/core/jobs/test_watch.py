"""Waiting for a job: when to look, what to note, and when to stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.jobs.polling import Pace, next_wait
from airflow_provider_fabml.core.jobs.watch import (
    Ended,
    Look,
    NotSeen,
    OutOfTime,
    Pause,
    Refused,
    Seen,
    watch,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
PACE = Pace(30)
WORDS = st.sampled_from(["Preparing", "Running", "NotResponding", "Paused", "Unknown", "", "New"])
ENDS = st.sampled_from(["Completed", "Failed", "Canceled"])
SECONDS = st.floats(0, 1e6)


def run(told: list[Any], **options: Any) -> tuple[Any, list[Pause], float]:
    """Drive a watch; ``told`` are statuses or reasons of failed looks, the last one for ever.

    Gives what it returned, its pauses, and the seconds on its clock.
    """
    clock, looks, pauses = 0.0, 0, []
    watching = watch(options.pop("pace", PACE), jitter=lambda: 0.0, **options)
    step = next(watching)
    try:
        while True:
            if isinstance(step, Look):
                word = told[min(looks, len(told) - 1)]
                looks += 1
                now = START + timedelta(seconds=clock)
                answer = word(now) if callable(word) else Seen(word, now)
                step = watching.send(answer)
            else:
                pauses.append(step)
                clock += step.seconds
                step = next(watching)
    except StopIteration as stop:
        return stop.value, pauses, clock


@given(st.lists(WORDS, max_size=8), ENDS, st.none() | st.just(START + timedelta(days=1)))
def test_only_three_words_end_a_watch(words: list[str], end: str, deadline: Any) -> None:
    """Every other word, known or new, keeps waiting; the end is seen with the very next look."""
    ended, pauses, _ = run([*words, end], deadline=deadline)
    assert ended == Ended(end)
    assert len(pauses) == len(words)


@given(st.floats(0.5, 5000), st.lists(WORDS, min_size=1, max_size=4), st.floats(1, 600))
def test_the_deadline_is_met_to_the_instant(seconds: float, words: list[str], every: float) -> None:
    """The last look comes at the deadline itself, neither sooner nor later."""
    deadline = START + timedelta(seconds=seconds)
    outcome, _, clock = run(words, deadline=deadline, pace=Pace(every))
    assert isinstance(outcome, OutOfTime)
    assert abs(clock - seconds) < 1e-3


def test_a_job_that_ends_at_the_deadline_still_counts() -> None:
    """The look at the deadline is a look like any other."""
    deadline = START + timedelta(seconds=2)
    assert run(["Running", "Completed"], deadline=deadline)[0] == Ended("Completed")
    assert run(["Running", "Running"], deadline=deadline)[0] == OutOfTime("Running")


def test_a_failed_look_decides_nothing() -> None:
    """Troubles are noted once each, ``Retry-After`` is obeyed, and the last status stays known."""

    def trouble(now: datetime) -> NotSeen:
        return NotSeen("HTTP 503", now, 77)

    told = ["Running", trouble, trouble, "Running", "Completed"]
    ended, pauses, _ = run(told, deadline=None)
    assert ended == Ended("Completed")
    notes = ["the job is Running", "HTTP 503; still waiting", "", "the job is Running"]
    assert [pause.note for pause in pauses] == notes
    assert [pause.seconds for pause in pauses[1:3]] == [77, 77]
    assert run([trouble], deadline=START, status="Queued")[0] == OutOfTime("Queued")


def refused(now: datetime) -> NotSeen:
    """A look that the service refuses until something outside changes."""
    return NotSeen("HTTP 403", now, refused=True)


@given(st.integers(1, 60), st.floats(1, 3600))
def test_refusals_end_a_wait_only_when_they_last(number: int, every: float) -> None:
    """A look that succeeds forgives what came before; else three refusals and ten minutes are needed."""
    told = ["Running", *[refused] * number, "Completed"]
    outcome, pauses, _ = run(told, deadline=None, pace=Pace(every, every))
    lasted = sum(pause.seconds for pause in pauses[1:])
    if isinstance(outcome, Ended):
        assert number < 3 or lasted - every < 600 + 1e-6
        return
    assert outcome == Refused("Running", "HTTP 403")
    assert len(pauses) >= 3
    assert lasted >= 600 - 1e-6


def test_the_bound_of_refusals_is_met() -> None:
    """With a look each minute the eleventh refusal ends the wait, ten minutes after the first."""
    outcome, pauses, clock = run(["Running", refused], deadline=None, pace=Pace(60, 60))
    assert isinstance(outcome, Refused)
    assert clock == 660
    assert "Looks were refused for 10 minutes; the job was left as it is." in outcome.what
    assert [pause.note for pause in pauses][:3] == [
        "the job is Running",
        "HTTP 403; still waiting",
        "",
    ]


def test_an_outage_is_no_refusal() -> None:
    """Three refusals in passing, then half an hour without service: the job's end still counts."""

    def down(now: datetime) -> NotSeen:
        return NotSeen("HTTP 503", now)

    told = ["Running", *[refused] * 3, *[down] * 60, "Completed"]
    assert run(told, deadline=None)[0] == Ended("Completed")


def test_a_deadline_comes_before_refusals() -> None:
    """At the deadline the wait ends as at any deadline."""
    deadline = START + timedelta(minutes=5)
    assert run(["Running", refused], deadline=deadline)[0] == OutOfTime("Running")


def test_only_changes_are_noted() -> None:
    """A status that is known already is not repeated."""
    words = ["Running", "Running", "Finalizing", "Completed"]
    _, pauses, _ = run(words, deadline=None, status="Running")
    assert [pause.note for pause in pauses] == ["", "", "the job is Finalizing"]


def test_the_first_look_can_wait() -> None:
    """In the triggerer the first look comes no sooner than the floor."""
    _, pauses, _ = run(["Running", "Completed"], deadline=None, first_wait=10, pace=Pace(30, 10))
    assert [pause.seconds for pause in pauses] == [10, 10]


@given(SECONDS, SECONDS, st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_wait_stays_within_its_bounds(every: float, floor: float, looks: int, j: float) -> None:
    """Never under the floor, never over the interval by more than the tenth of jitter."""
    wait = next_wait(Pace(every, floor), looks, j)
    assert floor <= wait <= max(floor, every) * 1.1 + 1e-9


@given(st.integers(0, 50), SECONDS)
def test_waits_grow_and_the_services_wish_is_obeyed(looks: int, wish: float) -> None:
    """The steady interval is reached in steps, and a longer ``Retry-After`` wins."""
    assert next_wait(PACE, looks, 0) <= next_wait(PACE, looks + 1, 0)
    assert next_wait(PACE, looks, 0, wish) == max(next_wait(PACE, looks, 0), wish)
    assert [next_wait(PACE, n, 0) for n in range(6)] == [1, 2, 4, 8, 16, 30]
