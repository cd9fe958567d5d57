"""The submitter against a real service, with a clock of its own: one job, whatever breaks and when."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
from airflow_provider_fabml.clients.plan import Plan
from airflow_provider_fabml.clients.submitter import Submitter
from airflow_provider_fabml.core.connections.azure_ml_connection import parse_azure_ml_connection
from airflow_provider_fabml.core.errors import (
    AnswerLostError,
    PermanentError,
    TakenOverError,
    TransientError,
)
from airflow_provider_fabml.core.jobs.known import Limits
from airflow_provider_fabml.core.jobs.look_up import SETTLE_WINDOW
from airflow_provider_fabml.core.jobs.record import Situation
from airflow_provider_fabml.core.scoring.invocation import digest, parse_invocation
from airflow_provider_fabml.core.scoring.job_io import UriFolder
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity
from airflow_provider_fabml.emulator import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POST = {"method": "POST", "path": r"/endpoints/[^/]+/jobs$"}
ROOT = "azureml://datastores/trusted_blob/paths/out"


class Crash(BaseException):
    """The worker dies here."""


class Store:
    """A task state store; it can die before a save, and tells what the service knew at each one."""

    def __init__(self, emulator: EmulatorServer) -> None:
        self.value: dict[str, Any] | None = None
        self.saves: list[tuple[bool, int]] = []
        self.dies_at_save = 0
        self.after_save: Callable[[], None] | None = None
        self._emulator = emulator

    def load(self) -> dict[str, Any] | None:
        """The record."""
        return self.value

    def save(self, value: dict[str, Any]) -> None:
        """Keep a record, with whether it has a job and how many jobs there are."""
        if self.dies_at_save == len(self.saves) + 1:
            self.dies_at_save = 0
            raise Crash
        self.value = value
        self.saves.append((value["job"] is not None, len(self._emulator.control.jobs())))
        if self.after_save:
            self.after_save()

    def forget(self) -> None:
        """Drop the record."""
        self.value = None


class Clock:
    """Time that passes when someone sleeps."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The instant."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def emulator() -> Iterator[EmulatorServer]:
    """A workspace of the test's own; jobs stand still."""
    with EmulatorServer(clock="manual") as server:
        yield server


@pytest.fixture
def client(emulator: EmulatorServer) -> Iterator[BatchEndpointClient]:
    """A client of the workspace."""
    made = emulator.connection()
    connection = parse_azure_ml_connection(
        made["extra"], login=made["login"], password=made["password"], name="c"
    )
    with BatchEndpointClient(connection) as ours:
        yield ours


@pytest.fixture
def store(emulator: EmulatorServer) -> Store:
    """An empty store."""
    return Store(emulator)


@pytest.fixture
def clock() -> Clock:
    """A clock that starts now."""
    return Clock()


def submitter(
    client: BatchEndpointClient,
    store: Store,
    clock: Clock,
    *,
    try_number: int = 1,
    max_tries: int = 2,
    cancel_before: bool = True,
    folder: str = "heart",
    patience: float = 600,
    send_window: float = 60,
    before_post: Callable[[], dict[str, Any]] = dict,
) -> Submitter:
    """A try of one task instance."""
    uri = f"azureml://datastores/trusted_blob/paths/{folder}"
    invocation = parse_invocation(
        endpoint_name="heart-classifier", inputs={"heart": UriFolder(uri)}, output_root=ROOT
    )
    plan = Plan(
        invocation=invocation,
        stated_kind=None,
        identity=RunIdentity("a_dag", "manual__1", "score", -1, None),
        situation=Situation(try_number, max_tries, digest(invocation)),
        tags={},
        description="a test",
        before_post=lambda _invocation, _outputs: before_post(),
        limits=Limits(
            cancel_before=cancel_before,
            patience=timedelta(seconds=patience),
            send_window=timedelta(seconds=send_window),
        ),
    )
    return Submitter(client, store, plan, sleep=clock.sleep, now=clock.now)


def jobs(emulator: EmulatorServer) -> list[dict[str, Any]]:
    """The truth about all jobs."""
    return emulator.control.jobs()


def test_the_intent_is_kept_before_and_the_handle_right_after(emulator, client, store, clock):
    """Two saves: without a job before the POST, with its handle after it."""
    done = submitter(client, store, clock).submit()
    assert store.saves == [(False, 0), (True, 1)]
    assert store.value["job"]["job_name"] == done.handle.job_name == jobs(emulator)[0]["name"]


@pytest.mark.parametrize(("dies_at", "made"), [(1, 0), (2, 1)])
def test_a_worker_that_dies_around_the_post_makes_one_job(
    emulator, client, store, clock, dies_at, made
):
    """Before the intent: nothing happened. After the POST: the next try finds the job."""
    store.dies_at_save = dies_at
    with pytest.raises(Crash):
        submitter(client, store, clock).submit()
    assert len(jobs(emulator)) == made
    done = submitter(client, store, clock, try_number=2).submit()
    assert [job["name"] for job in jobs(emulator)] == [done.handle.job_name]
    assert done.resumed is bool(made)


@pytest.mark.parametrize("order", ["newest_first", "oldest_first"])
def test_the_look_up_reads_every_page(emulator, client, store, clock, order):
    """The lost job lies among others, one on a page, in either order."""
    for number in range(3):
        submitter(client, Store(emulator), clock, folder=f"other-{number}").submit()
    emulator.control.set_switches(page_size=1, list_order=order, stores_tags=False)
    emulator.control.add_fault(**POST, when="after", drop=True)
    done = submitter(client, store, clock, try_number=9).submit()
    ours = [j for j in jobs(emulator) if "/score/9-" in str(j["request"])]
    assert [job["name"] for job in ours] == [done.handle.job_name]
    assert clock.slept == []


def test_jobs_that_cannot_be_told_apart_are_named_and_nothing_is_posted(
    emulator, client, store, clock
):
    """A service that keeps neither output URI nor tags: the candidates, and no guess."""
    emulator.control.set_switches(stores_tags=False, keeps_output_uri="no")
    emulator.control.add_fault(**POST, when="after", drop=True)
    with pytest.raises(PermanentError, match="cannot be told") as caught:
        submitter(client, store, clock).submit()
    (only,) = jobs(emulator)
    assert only["name"] in str(caught.value)
    with pytest.raises(PermanentError, match="cannot be told"):
        submitter(client, store, clock, try_number=2).submit()
    assert len(jobs(emulator)) == 1


def test_nothing_is_posted_again_before_the_window_has_passed(emulator, client, store, clock):
    """A POST that was lost before the work: looks until the window ends, then one more."""
    emulator.control.add_fault(**POST, drop=True)
    submitter(client, store, clock).submit()
    assert sum(clock.slept) == pytest.approx(SETTLE_WINDOW.total_seconds(), abs=0.5)
    assert len(jobs(emulator)) == 1


def test_the_window_counts_from_the_post_and_not_from_the_first_intent(
    emulator, client, store, clock
):
    """After a long 429 the next POST is a new intent: its loss is waited for as long as any."""
    emulator.control.add_fault(**POST, status=429, retry_after="600")
    emulator.control.add_fault(**POST, status=503)
    submitter(client, store, clock).submit()
    assert clock.slept[0] == 600
    assert sum(clock.slept[1:]) == pytest.approx(SETTLE_WINDOW.total_seconds(), abs=0.5)
    assert len(jobs(emulator)) == 1


def test_four_losses_end_the_try_and_are_remembered(emulator, client, store, clock):
    """The try gives up after the fourth look-up; the record stays for the next try."""
    emulator.control.add_fault(**POST, status=503, times=4)
    with pytest.raises(AnswerLostError, match="4 POSTs"):
        submitter(client, store, clock).submit()
    assert store.value["job"] is None
    done = submitter(client, store, clock, try_number=2).submit()
    assert [job["name"] for job in jobs(emulator)] == [done.handle.job_name]


def test_the_last_loss_is_looked_up_too(emulator, client, store, clock):
    """The fourth POST did its work: its job is found and not left alone."""
    emulator.control.add_fault(**POST, status=503, times=3)
    emulator.control.add_fault(**POST, status=503, when="after")
    done = submitter(client, store, clock).submit()
    assert [job["name"] for job in jobs(emulator)] == [done.handle.job_name]


def test_a_refusal_leaves_no_record(emulator, client, store, clock):
    """400 says that there is no job, so the next try starts afresh."""
    emulator.control.add_fault(**POST, status=400, body="no")
    with pytest.raises(PermanentError, match="no"):
        submitter(client, store, clock).submit()
    assert store.value is None


def test_throttled_without_end_is_the_retrys_business(emulator, client, store, clock):
    """Five 429: waits that double, no job, no record, and an error that a retry may mend."""
    emulator.control.add_fault(**POST, status=429, times=5)
    with pytest.raises(TransientError, match="429"):
        submitter(client, store, clock).submit()
    assert (clock.slept, store.value, jobs(emulator)) == ([1, 2, 4, 8], None, [])


def test_a_look_up_that_cannot_be_answered_is_asked_again(emulator, client, store, clock):
    """Nothing is posted while jobs cannot be listed; the same try finds its job when they can."""
    emulator.control.add_fault(**POST, drop=True, when="after")
    emulator.control.add_fault(method="GET", path="/jobs$", status=503, times=4)
    done = submitter(client, store, clock).submit()
    assert [job["name"] for job in jobs(emulator)] == [done.handle.job_name]
    assert clock.slept == [1]


def test_a_look_up_without_any_answer_decides_nothing(emulator, client, store, clock):
    """Patience ends; the error tells what may have been started, and the next try finds it."""
    emulator.control.add_fault(**POST, drop=True, when="after")
    emulator.control.add_fault(method="GET", path="/jobs$", status=503, times=500)
    with pytest.raises(
        TransientError, match="may have been started on endpoint 'heart-classifier'"
    ):
        submitter(client, store, clock, patience=2).submit()
    assert (len(jobs(emulator)), store.value["job"]) == (1, None)
    emulator.control.clear_faults()
    done = submitter(client, store, clock, try_number=2).submit()
    assert [job["name"] for job in jobs(emulator)] == [done.handle.job_name]


def test_a_process_that_was_stopped_before_its_post_does_not_send_it(
    emulator, client, store, clock
):
    """Stopped right after it stored its intent; another try has started the job meanwhile."""

    def another_try() -> None:
        store.after_save = None
        time.sleep(0.3)
        clock.sleep(3600)
        submitter(client, store, clock, try_number=2).submit()

    store.after_save = another_try
    with pytest.raises(TakenOverError, match="another try"):
        submitter(client, store, clock, send_window=0.2).submit()
    assert [job["name"] for job in jobs(emulator)] == [store.value["job"]["job_name"]]


def test_a_process_that_was_stopped_before_its_intent_does_not_store_it(
    emulator, client, store, clock
):
    """Another try has started the job meanwhile, and its handle stays."""

    def another_try() -> dict[str, Any]:
        submitter(client, store, clock, try_number=2).submit()
        return {}

    with pytest.raises(TakenOverError, match="another try"):
        submitter(client, store, clock, before_post=another_try).submit()
    assert [job["name"] for job in jobs(emulator)] == [store.value["job"]["job_name"]]


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_a_refusal_in_passing_decides_nothing(emulator, client, store, clock, status):
    """A role that is being assigned, a front end that is behind: the job before is cancelled all the same."""
    first = submitter(client, store, clock).submit().handle
    emulator.control.add_fault(method="GET", path="/jobs/[^/]+$", status=status, times=6)
    submitter(client, store, clock, try_number=2, max_tries=3).submit()
    states = {job["name"]: job["state"] for job in jobs(emulator)}
    assert states.pop(first.job_name) in {"CancelRequested", "Canceled"}
    assert len(states) == 1


@pytest.mark.parametrize("cancel", [True, False])
def test_a_clear_settles_the_attempt_before(emulator, client, store, clock, cancel):
    """A new attempt has a folder of its own; the old job is cancelled or left, as asked."""
    first = submitter(client, store, clock).submit().handle
    cleared = submitter(
        client, store, clock, try_number=2, max_tries=3, cancel_before=cancel
    ).submit()
    assert cleared.handle.job_name != first.job_name
    places = [job.outputs["score"]["uri"] for job in (first, cleared.handle)]
    assert ["/score/1-" in places[0], "/score/2-" in places[1]] == [True, True]
    if cancel:
        emulator.control.wait(first.job_name, 10)
    ended = emulator.control.job(first.job_name)["visible_state"]
    assert (ended == "Canceled") is cancel


def test_a_claims_challenge_costs_one_more_post(emulator, client, store, clock):
    """401 with claims says that nothing ran: the next POST has a token that makes them."""
    emulator.control.add_fault(kind="claims_challenge", method="POST", path="/jobs$")
    submitter(client, store, clock).submit()
    assert (clock.slept, len(jobs(emulator))) == ([1], 1)


def test_a_claims_challenge_does_not_bar_a_cancellation(emulator, client, store, clock):
    """A refusal for want of claims is not the service's last word."""
    name = submitter(client, store, clock).submit().handle.job_name
    emulator.control.add_fault(kind="claims_challenge", method="POST", path="/cancel$")
    assert client.cancel_job(name)
    assert emulator.control.wait(name, 10) == "Canceled"


def test_a_refused_second_post_does_not_forget_the_first(emulator, client, store, clock):
    """Its answer was lost and no list showed its job: the next try still looks, and finds it."""
    emulator.control.set_switches(listed_after_seconds=3600)
    emulator.control.add_fault(**POST, when="after", drop=True)
    emulator.control.add_fault(**POST, status=403, body="not now")
    with pytest.raises(PermanentError, match="not now"):
        submitter(client, store, clock).submit()
    (first,) = jobs(emulator)
    assert store.value["invocation_id"] == first["request"]["tags"]["airflow_invocation"]
    emulator.control.set_switches(listed_after_seconds=0)
    done = submitter(client, store, clock, try_number=2).submit()
    assert [job["name"] for job in jobs(emulator)] == [done.handle.job_name]
