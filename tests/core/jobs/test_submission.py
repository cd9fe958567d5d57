"""The state table of a submission, row by row; the state machine walks the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_fabml.core.errors import (
    AnswerLostError,
    OutOfTimeError,
    PermanentError,
    TransientError,
)
from airflow_provider_fabml.core.jobs import look_up
from airflow_provider_fabml.core.jobs.job import JobHandle
from airflow_provider_fabml.core.jobs.known import Known, Limits
from airflow_provider_fabml.core.jobs.record import Record, Situation
from airflow_provider_fabml.core.jobs.steps import (
    Adopt,
    Ask,
    End,
    Fail,
    LeaveBehind,
    LookUp,
    Open,
    Post,
    Resume,
    Step,
    Wait,
)
from airflow_provider_fabml.core.jobs.submission import next_step

URI = "azureml://datastores/trusted_blob/paths/endpoints/d/r/t/1-x/predictions.csv"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
INPUTS = {"heart": {"type": "UriFolder", "uri": "azureml://datastores/trusted_blob/paths/heart"}}
INTENT = Record(
    1,
    "mine",
    2,
    "dig",
    "heart",
    "blue",
    "model",
    {"score": {"type": "UriFile", "uri": URI}},
    NOON.isoformat(),
    inputs=INPUTS,
)
RUNNING = INTENT._replace(job=JobHandle("j", "heart").to_json())
SAME, LATER = Situation(1, 2, "dig"), Situation(2, 2, "dig")
CLEARED = Situation(2, 3, "dig")
OTHER = Situation(1, 2, "other inputs")
SOON = NOON + timedelta(seconds=60)
DEADLINE = NOON + timedelta(minutes=10)
LIMITED = Limits(deadline=DEADLINE, post_time=timedelta(minutes=1))
LEAVING = Limits(cancel_before=False)
UNAVAILABLE = TransientError("HTTP 503", status=503)
REFUSED = PermanentError("HTTP 403", status=403)
THROTTLED = TransientError("429", status=429)


def start(record: Record | None, now: Situation, limits: Limits = Limits()) -> Known:  # noqa: B008
    """A try that has just begun."""
    return Known.at_start(record, now, limits)


def looked(known: Known, verdict: str, *earlier: str) -> Known:
    """After a look-up with this verdict on the newest POST, and these on earlier ones."""
    assert known.record is not None
    posts = known.record.open_posts()
    verdicts = (LOOKED[verdict], *(LOOKED[name] for name in earlier))
    return known.looked(tuple(map(look_up.Verdict, posts, verdicts)))


LOOKED: dict[str, look_up.Found] = {
    "identified": look_up.Identified("k"),
    "wait": look_up.WaitAndLookAgain(5.0),
    "undecided": look_up.Undecided(("a", "b")),
    "not there": look_up.NotThere(),
}


@pytest.mark.parametrize(
    ("known", "step"),
    [
        (start(None, SAME), Open(1)),
        (start(INTENT, SAME), LookUp(INTENT)),
        (start(INTENT, LATER), LookUp(INTENT)),
        (looked(start(INTENT, LATER), "identified"), Adopt(INTENT, "k")),
        (looked(start(INTENT, LATER), "wait"), Wait(5.0, "")),
        (looked(start(INTENT, LATER), "wait").waited(), LookUp(INTENT)),
        (looked(start(INTENT, LATER), "not there"), Open(1, (INTENT.posted(),))),
        (start(RUNNING, LATER), Ask(RUNNING)),
        (start(RUNNING, LATER).asked("Running"), Resume(RUNNING, "Running")),
        (start(RUNNING, LATER).asked("Completed"), Resume(RUNNING, "Completed")),
        (start(RUNNING, LATER).asked("NeverHeardOf"), Resume(RUNNING, "NeverHeardOf")),
        (start(RUNNING, SAME).asked("Failed"), Resume(RUNNING, "Failed")),
        (start(RUNNING, LATER).asked("Failed"), Open(2)),
        (start(RUNNING, LATER).asked("Canceled"), Open(2)),
        (start(None, SAME).opened(INTENT), Post(INTENT, SOON)),
        (start(None, SAME).opened(INTENT).lost_answer(NOON), LookUp(INTENT)),
        (start(None, SAME).opened(INTENT).has_job(RUNNING, "Queued"), Resume(RUNNING, "Queued")),
    ],
)
def test_an_attempt_goes_on(known: Known, step: Step) -> None:
    """Nothing known, an open intent, a job in each kind of state."""
    assert next_step(known, NOON) == step


@pytest.mark.parametrize("now", [CLEARED, OTHER, CLEARED._replace(try_number=5, max_tries=8)])
def test_an_attempt_that_is_over_is_settled_before_the_next(now: Situation) -> None:
    """A Clear or other inputs: the job is ended, then an attempt with a new number is opened."""
    known = start(RUNNING, now)
    assert next_step(known, NOON) == End(RUNNING, "j")
    assert next_step(known.settle("j"), NOON) == Open(max(2, now.try_number))
    intent = start(INTENT, now)
    assert next_step(intent, NOON) == LookUp(INTENT)
    assert next_step(looked(intent, "identified"), NOON) == End(INTENT, "k")
    assert next_step(looked(intent, "wait"), NOON) == Wait(5.0, "")
    opened = Open(max(2, now.try_number), (INTENT.posted(),))
    assert next_step(looked(intent, "not there"), NOON) == opened
    told = next_step(looked(intent, "undecided"), NOON)
    assert isinstance(told, LeaveBehind)
    assert "a, b" in told.why


def test_an_attempt_that_is_left_is_looked_at_once_and_named() -> None:
    """``on_clear="leave"``: no cancellation and no waiting, but never without a look."""
    assert isinstance(next_step(start(RUNNING, CLEARED, LEAVING), NOON), LeaveBehind)
    known = start(INTENT, CLEARED, LEAVING)
    assert next_step(known, NOON) == LookUp(INTENT)
    assert isinstance(next_step(looked(known, "identified"), NOON), LeaveBehind)
    assert next_step(looked(known, "wait"), NOON) == Open(2, (INTENT.posted(),))


def test_a_spent_attempt_gives_way_to_the_next_try_only() -> None:
    """Its job may still run, so it is ended; the same try goes on with it."""
    spent = RUNNING._replace(spent=True)
    assert next_step(start(spent, LATER), NOON) == End(spent, "j")
    assert next_step(start(spent, SAME), NOON) == Ask(spent)


@pytest.mark.parametrize(
    ("retries", "number", "cleared"),
    [
        (2, 0, False),  # nothing was edited, nothing cleared
        (1, 0, False),  # `retries` was edited, nothing cleared
        (2, 1, False),  # another task of the run was cleared
        (0, 1, False),  # the same, and `retries` was edited: a Clear would have been at a later try
        (1, 1, True),  # `retries` was lowered to 1, then a Clear after the first try: 1 + 1 = 2
    ],
)
def test_editing_retries_is_no_clear(retries: int, number: int, cleared: bool) -> None:
    """The raw ``max_tries`` decides; where a Clear left it alone, the run's ``clear_number`` does."""
    now = LATER._replace(retries=retries, clear_number=number)
    step = next_step(start(RUNNING, now), NOON)
    assert step == (End(RUNNING, "j") if cleared else Ask(RUNNING))


def test_a_post_that_has_not_run_is_repeated_after_its_delay() -> None:
    """Five times in a try; then the service's own error is the retry's business."""
    known = start(None, SAME).opened(INTENT)
    for _ in range(4):
        known = known.refused_to_run(THROTTLED, NOON + timedelta(seconds=7))
        assert next_step(known, NOON) == Wait(7.0, "429; it has not run")
        assert next_step(known.waited(), NOON) == Post(INTENT, SOON)
    assert next_step(known.refused_to_run(THROTTLED, NOON), NOON) == Fail(THROTTLED)


@pytest.mark.parametrize("minutes", [8.5, 9.5])
def test_no_post_starts_where_its_answer_would_come_too_late(minutes: float) -> None:
    """Deadline 12:10, and a POST may take a minute: the last one starts at 12:09."""
    now, last = NOON + timedelta(minutes=minutes), NOON + timedelta(minutes=9)
    record = INTENT._replace(deadline=DEADLINE.isoformat())
    opened = start(None, SAME, LIMITED).opened(record)
    steps = [next_step(known, now) for known in (start(None, SAME, LIMITED), opened)]
    if now <= last:
        assert steps == [Open(1, (), DEADLINE), Post(record, last)]
    else:
        assert all(isinstance(s, Fail) and isinstance(s.error, OutOfTimeError) for s in steps)
        assert "nothing was sent" in str(steps[0].error)


def test_a_delay_beyond_the_deadline_is_not_waited_for() -> None:
    """The service's own error comes at once: the retry waits without a worker."""
    record = INTENT._replace(deadline=DEADLINE.isoformat())
    known = start(None, SAME, LIMITED).opened(record)
    known = known.refused_to_run(THROTTLED, NOON + timedelta(hours=1))
    assert next_step(known, NOON) == Fail(THROTTLED)


def test_a_look_up_ends_at_the_deadline_and_says_what_may_have_started() -> None:
    """The resumed attempt's own deadline counts, and the error names endpoint, time and input."""
    record = INTENT._replace(deadline=(NOON + timedelta(seconds=3)).isoformat())
    known = looked(start(record, LATER, LIMITED), "wait")
    step = next_step(known, NOON)
    assert isinstance(step, Fail)
    assert isinstance(step.error, OutOfTimeError)
    for told in ("'heart'", NOON.isoformat(), "paths/heart", "No second job"):
        assert told in str(step.error)


def test_what_cannot_be_told_apart_is_named() -> None:
    """Endpoint, deployment, time, input and the candidates."""
    step = next_step(looked(start(INTENT, LATER), "undecided"), NOON)
    assert isinstance(step, Fail)
    assert isinstance(step.error, PermanentError)
    for told in ("'heart'", "'blue'", NOON.isoformat(), "paths/heart", "a, b", URI):
        assert told in str(step.error)


def test_four_lost_answers_end_the_try() -> None:
    """Each was looked up, and none of them made a job."""
    known = start(None, SAME)
    for lost in range(1, 5):
        known = looked(known.opened(INTENT).lost_answer(NOON), "not there")
        step = next_step(known, NOON)
        assert isinstance(step, Open if lost < 4 else Fail)
    assert isinstance(step, Fail)
    assert isinstance(step.error, AnswerLostError)


def test_a_job_that_is_listed_late_is_adopted_before_another_post() -> None:
    """The first of three POSTs of an attempt was listed at last; the others stay unseen."""
    first = INTENT._replace(invocation_id="first")
    record = INTENT._replace(invocation_id="third", unseen=(first.posted(), INTENT.posted()))
    known = start(record, LATER)
    step = next_step(looked(known, "not there", "not there", "identified"), NOON)
    assert isinstance(step, Adopt)
    assert (step.record.invocation_id, step.job_name) == ("first", "k")
    assert [post["invocation_id"] for post in step.record.unseen] == ["mine", "third"]
    assert isinstance(next_step(looked(known, "wait", "not there", "identified"), NOON), Wait)
    doubt = next_step(looked(known, "not there", "undecided", "not there"), NOON)
    assert isinstance(doubt, Fail)
    assert "a, b" in str(doubt.error)


def test_a_clear_ends_what_is_listed_late() -> None:
    """The attempt's job, then the job of a POST before it that no list had shown."""
    record = RUNNING._replace(unseen=(INTENT._replace(invocation_id="first").posted(),))
    known = start(record, CLEARED)
    assert next_step(known, NOON) == End(record, "j")
    known = known.settle("j")
    assert next_step(known, NOON) == LookUp(record)
    known = looked(known, "identified")
    step = next_step(known, NOON)
    assert isinstance(step, End)
    assert step.job_name == "k"
    assert next_step(known.settle("k"), NOON) == Open(2)
    left = start(record, CLEARED, LEAVING).settle("j")
    assert next_step(left, NOON) == Open(2, record.unseen)


def test_a_post_that_a_dead_process_may_still_send_is_waited_for() -> None:
    """The intent may be a minute old when the POST starts, and that may take its whole time."""
    limits = Limits(post_time=timedelta(seconds=70))
    visible_by = start(INTENT, LATER, limits).visible_by
    assert visible_by == NOON + timedelta(seconds=60 + 70) + limits.settle_window
    seen = start(None, SAME, limits).opened(INTENT).lost_answer(NOON).visible_by
    assert seen == NOON + limits.settle_window


def test_an_attempt_posted_again_keeps_the_deadline_of_the_try_that_opened_it() -> None:
    """As long as that lies ahead; a try that comes after it, and finds no job, has its own."""
    record = INTENT._replace(deadline=DEADLINE.isoformat())
    later = Limits(deadline=DEADLINE + timedelta(hours=1))
    known = looked(start(record, LATER, later), "not there")
    assert next_step(known, NOON) == Open(1, (record.posted(),), DEADLINE)
    after = next_step(known, DEADLINE + timedelta(seconds=1))
    assert after == Open(1, (record.posted(),), later.deadline)


def test_a_job_of_a_later_attempt_is_its_own_trys_business() -> None:
    """Other inputs in the first try opened attempt 2; when its job failed, the second try opens 3."""
    second = RUNNING._replace(attempt=2, try_number=1)
    assert next_step(start(second, SAME).asked("Failed"), NOON) == Resume(second, "Failed")
    assert next_step(start(second, LATER).asked("Failed"), NOON) == Open(3)


def out_of_patience(known: Known, error: PermanentError | TransientError) -> Step:
    """The step after ten minutes of failures."""
    late = NOON + timedelta(minutes=11)
    return next_step(known.troubled(error, NOON).waited().troubled(error, late), late)


def test_a_refusal_must_not_bar_the_way_of_the_next_attempt() -> None:
    """The attempt before cannot be settled: asked for ten minutes, then left, and named."""
    step = out_of_patience(start(RUNNING, CLEARED), REFUSED)
    assert isinstance(step, LeaveBehind)
    assert step.jobs == ("j",)
    assert "403" in step.why
    step = out_of_patience(start(INTENT, CLEARED), REFUSED)
    assert isinstance(step, LeaveBehind)
    assert "may have been started" in step.why
    assert next_step(start(INTENT, CLEARED).looked(()), NOON) == Open(2, (INTENT.posted(),))
    assert isinstance(out_of_patience(start(RUNNING, CLEARED), UNAVAILABLE), Fail)


@pytest.mark.parametrize("record", [INTENT, RUNNING])
def test_a_refusal_that_lasts_is_permanent_and_says_what_was_started(record: Record) -> None:
    """No retry can mend it; a person has to know of the job."""
    step = out_of_patience(start(record, LATER), REFUSED)
    assert isinstance(step, Fail)
    assert isinstance(step.error, PermanentError)
    assert "started" in str(step.error)
    assert "403" in str(step.error)


def test_what_was_found_is_kept_while_its_job_cannot_be_read() -> None:
    """Else list and read would take turns for ever, each ending the other's trouble."""
    known = looked(start(INTENT, LATER), "identified")
    adopt = next_step(known, NOON)
    for _ in range(5):
        known = known.troubled(UNAVAILABLE, NOON).waited()
        assert next_step(known, NOON) == adopt
    assert len(known.trouble) == 5
    assert isinstance(out_of_patience(known, UNAVAILABLE), Fail)


@pytest.mark.parametrize("record", [INTENT, RUNNING, None])
def test_a_question_is_asked_again_until_patience_or_the_deadline_ends(
    record: Record | None,
) -> None:
    """Pauses double up to half a minute; the error tells what may have been started."""
    known, now, waited = start(record, LATER), NOON, []
    before = next_step(known, now)
    for _ in range(100):
        known = known.troubled(UNAVAILABLE, now)
        step = next_step(known, now)
        if not isinstance(step, Wait):
            break
        waited.append(step.seconds)
        known, now = known.waited(), now + timedelta(seconds=step.seconds)
        assert next_step(known, now) == before
    assert waited[:7] == [1, 2, 4, 8, 16, 30, 30]
    assert 570 < sum(waited) <= 600
    assert isinstance(step, Fail)
    assert str(UNAVAILABLE) in str(step.error)
    if record is not None:
        told = "Job j was started" if record.job else "may have been started"
        assert told in str(step.error)
    limited = known._replace(limits=LIMITED, trouble=(), trouble_since=None)
    soon = DEADLINE - timedelta(seconds=0.5)
    assert isinstance(next_step(limited.troubled(UNAVAILABLE, soon), soon), Fail)


def test_an_answer_ends_the_trouble() -> None:
    """Patience is for one question, not for all of a try's."""
    known = start(RUNNING, LATER).troubled(UNAVAILABLE, NOON).waited().asked("Running")
    assert (known.trouble, known.trouble_since) == ((), None)
    assert next_step(known, NOON) == Resume(RUNNING, "Running")


def test_a_record_survives_json() -> None:
    """Also one of a later version, with keys that this one does not know."""
    assert Record.from_json({**RUNNING.to_json(), "of_later": 1}).to_json() == RUNNING.to_json()
    again = INTENT._replace(unseen=[INTENT.posted()])
    _, post = Record.from_json(again.to_json()).open_posts()
    assert (post.invocation_id, post.outputs, post.job) == ("mine", INTENT.outputs, None)
