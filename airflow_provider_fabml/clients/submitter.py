"""Drives ``core.jobs.submission``: asks, looks up, posts once, and remembers before it goes on.

Whatever happens between two lines of this file, the task state store knows enough for the next try
to find the job instead of starting a second one (D1, D2).
"""

from __future__ import annotations

import logging
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_provider_fabml.core.errors import (
    AnswerLostError,
    NotSentError,
    PermanentError,
    TransientError,
)
from airflow_provider_fabml.core.jobs import submission
from airflow_provider_fabml.core.jobs.job import JobHandle, JobView, is_terminal
from airflow_provider_fabml.core.jobs.submission import Record, Situation
from airflow_provider_fabml.core.scoring.invocation import Invocation, place_outputs, request_body
from airflow_provider_fabml.core.scoring.job_io import LiteralInput, type_name
from airflow_provider_fabml.core.scoring.kind_rules import check_kind
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity, attempt_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.core.scoring.job_io import JobOutput
    from airflow_provider_fabml.core.service.flows import Target

log = logging.getLogger(__name__)
# A POST that is known not to have run (429, no connection) may be repeated this often.
_POSTS_NOT_RUN = 5
# After a lost answer and a look-up that found nothing, the POST may be repeated this often a try.
_LOST_ANSWERS = 3


class Store(Protocol):
    """Where the record lives between tries: one JSON value."""

    def load(self) -> Mapping[str, Any] | None:
        """The stored value, or None."""

    def save(self, value: dict[str, Any]) -> None:
        """Replace the stored value; returns only when it is safe."""

    def forget(self) -> None:
        """Drop the stored value."""


class Plan(NamedTuple):
    """What one task instance wants submitted.

    ``stated_kind`` saves a request where the caller knows the deployment's kind. ``before_post`` is
    called with the placed outputs right before the intent is written; it raises to refuse.
    ``settle_window`` is how long a job may stay out of lists after its answer was lost.
    """

    invocation: Invocation
    stated_kind: str | None
    identity: RunIdentity
    situation: Situation
    tags: dict[str, str]
    description: str
    cancel_before: bool
    before_post: Callable[[Invocation, Mapping[str, JobOutput]], None]
    settle_window: timedelta = submission.SETTLE_WINDOW


class Submitted(NamedTuple):
    """The job of this attempt.

    ``observed`` are the ``properties`` of the answers at hand, for ``compare``;
    ``resumed`` is True when an earlier try had started the job.
    """

    handle: JobHandle
    observed: tuple[dict[str, Any], ...]
    resumed: bool


class Submitter:
    """One task instance's way to its job. ``sleep`` takes seconds and may raise to give up."""

    def __init__(
        self,
        client: BatchEndpointClient,
        store: Store,
        plan: Plan,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._store, self._plan = client, store, plan
        self._sleep, self._now = sleep, now
        self._lost = 0
        self._stored: Mapping[str, Any] | None = None
        self._lost_at: datetime | None = None

    def submit(self) -> Submitted:
        """The job of this attempt: found, resumed or newly started.

        Raises ``UsageError``, ``PermanentError`` or ``TransientError``.
        """
        self._stored = self._store.load()
        record = Record.from_json(self._stored) if self._stored else None
        step = submission.next_step(record, self._plan.situation)
        match step:
            case submission.Ask(known):
                return self._ask(known)
            case submission.LookUp(known):
                return self._look_up(known)
            case submission.Open(attempt, before):
                return self._open(attempt, before)
            case submission.Resume(known):  # next_step resumes only after an answer
                return self._ask(known)

    def _ask(self, record: Record) -> Submitted:
        handle = submission.handle_of(record)
        view = self._read_own(handle)
        step = submission.next_step(record, self._plan.situation, view.status)
        if isinstance(step, submission.Open):
            log.info("Job %s of attempt %s %s", handle.job_name, record.attempt, view.status)
            return self._open(step.attempt, step.before)
        log.info("Resuming job %s of attempt %s", handle.job_name, record.attempt)
        resumed = handle._replace(status=view.status)
        return Submitted(resumed, (view.properties,), resumed=True)

    def _read_own(self, handle: JobHandle) -> JobView:
        try:
            return self._client.get_job(handle.job_name)
        except PermanentError as error:
            if error.status != 404:
                raise
            raise PermanentError(
                f"{error.what}; an earlier try had started it",
                status=404,
                remedy="if the job is gone for good, clear the task: that opens a new attempt",
                url=handle.studio_url or None,
            ) from error

    def _look_up(self, record: Record) -> Submitted:
        log.warning(
            "An earlier POST to %s has no known outcome; looking for its job by output URI",
            record.endpoint_name,
        )
        match self._find(record):
            case submission.Adopt(job_name):
                view = self._client.get_job(job_name)
                log.info("Found job %s; no second one is started", job_name)
                return self._remember(record, view, resumed=True)
            case submission.Undecided(candidates):
                raise PermanentError(
                    f"A job may have been started on endpoint {record.endpoint_name!r} at "
                    f"{record.intended_at}, and these cannot be told from it: "
                    f"{', '.join(candidates)}. No second job was started.",
                    remedy="look at them in the studio; then clear the task to start a new attempt, "
                    f"or cancel the one whose outputs are {_uris(record)}",
                )
            case _ if self._lost > _LOST_ANSWERS:
                raise AnswerLostError(
                    f"{self._lost} POSTs to endpoint {record.endpoint_name!r} were sent one after the "
                    "other, each answer was lost, and none of them made a job"
                )
            case _:
                log.info("No job has the outputs of attempt %s; posting", record.attempt)
                return self._open(record.attempt, None)

    def _find(self, record: Record) -> submission.Found:
        while True:
            jobs = self._client.list_jobs(record.endpoint_name)
            found = submission.judge(record, jobs, self._now(), self._visible_by(record))
            if not isinstance(found, submission.WaitAndLookAgain):
                return found
            self._sleep(found.seconds)

    def _visible_by(self, record: Record) -> datetime:
        """The window counts from the loss where this process saw it: a POST may take a minute."""
        since = self._lost_at or datetime.fromisoformat(record.intended_at)
        return since + self._plan.settle_window

    def _open(self, attempt: int, before: Record | None) -> Submitted:
        if before is not None:
            self._settle(before)
        plan, invocation = self._plan, self._plan.invocation
        target = self._client.target(
            invocation.endpoint_name, invocation.deployment_name, plan.stated_kind
        )
        check_kind(invocation, target.kind)
        folder = attempt_folder(plan.identity, attempt)
        outputs = place_outputs(invocation, target.kind, folder, attempt, plan.identity.map_index)
        plan.before_post(invocation, outputs)
        record = Record(
            attempt=attempt,
            invocation_id=str(uuid.uuid4()),
            max_tries=plan.situation.max_tries,
            digest=plan.situation.digest,
            endpoint_name=invocation.endpoint_name,
            deployment_name=target.deployment_name,
            kind=target.kind,
            outputs={n: {"type": type_name(o), "uri": o.uri} for n, o in outputs.items()},
            intended_at=self._now().isoformat(),
            own_place=not any(o.uri for o in invocation.outputs.values()),
        )
        return self._post(record, target, outputs)

    def _post(self, record: Record, target: Target, outputs: Mapping[str, JobOutput]) -> Submitted:
        earlier, self._stored = self._stored, record.to_json()
        self._store.save(record.to_json())
        invocation = self._plan.invocation
        tags = {**self._plan.tags, submission.INVOCATION_TAG: record.invocation_id}
        body = request_body(invocation, outputs, tags=tags, description=self._plan.description)
        try:
            view = self._post_until_run(record, target, body)
        except AnswerLostError as error:
            log.warning("%s", error)
            self._lost += 1
            self._lost_at = self._now()
            return self._look_up(record)
        except (PermanentError, TransientError):
            self._go_back_to(earlier)  # the service has refused or never seen it: there is no job
            raise
        return self._remember(record, view, resumed=False)

    def _go_back_to(self, earlier: Mapping[str, Any] | None) -> None:
        """Forget the intent, not the attempt before: its number and its folder stay taken."""
        self._stored = earlier
        if earlier:
            self._store.save(dict(earlier))
        else:
            self._store.forget()

    def _post_until_run(self, record: Record, target: Target, body: dict[str, Any]) -> JobView:
        """POST; again only where the service is known not to have run it (429, no connection)."""
        for round_ in range(_POSTS_NOT_RUN):
            try:
                return self._client.invoke(
                    target,
                    body,
                    deployment_name=self._plan.invocation.deployment_name,
                    invocation_id=record.invocation_id,
                )
            except TransientError as error:
                ran = not (isinstance(error, NotSentError) or error.status == 429)
                if ran or round_ == _POSTS_NOT_RUN - 1:
                    raise
                wait = error.retry_after if error.retry_after is not None else 2.0**round_
                log.warning("%s; it has not run, next POST in %.0f s", error, wait)
                self._sleep(wait)
                # The next POST is a new intent: a look-up counts its window from here.
                record = record._replace(intended_at=self._now().isoformat())
                self._store.save(record.to_json())
        raise AssertionError  # the last round returns or raises

    def _remember(self, record: Record, view: JobView, *, resumed: bool) -> Submitted:
        handle = JobHandle(
            job_name=view.name,
            endpoint_name=record.endpoint_name,
            deployment_name=record.deployment_name,
            status=view.status,
            studio_url=view.studio_url,
            inputs={n: _shown(v) for n, v in self._plan.invocation.inputs.items()},
            outputs=record.outputs,
            submitted_at=view.created_at or record.intended_at,
            attempt=record.attempt,
            invocation_id=record.invocation_id,
        )
        self._store.save(record._replace(job=handle.to_json()).to_json())
        return Submitted(handle, (view.properties,), resumed=resumed)

    def _settle(self, before: Record) -> None:
        """End the attempt before: its job is cancelled if it still runs and that was asked for."""
        if not self._plan.cancel_before:
            log.info("Leaving the job of attempt %s as it is", before.attempt)
            return
        try:
            self._end(before)
        except PermanentError as error:
            # A job that is gone, or out of reach, must not bar the way for ever.
            log.warning("Attempt %s is left as it is: %s", before.attempt, error)

    def _end(self, before: Record) -> None:
        name = self._name_of(before)
        if name is None:
            return
        view = self._client.get_job(name)
        if is_terminal(view.status):
            log.info("Job %s of attempt %s had ended: %s", name, before.attempt, view.status)
            return
        self._client.cancel_job(name)
        log.info("Asked to cancel job %s of attempt %s", name, before.attempt)

    def _name_of(self, record: Record) -> str | None:
        if record.job is not None:
            return submission.handle_of(record).job_name
        found = self._find(record)
        if isinstance(found, submission.Undecided):
            log.warning(
                "Attempt %s may have started one of these jobs; they are left running: %s",
                record.attempt,
                ", ".join(found.candidates),
            )
        return found.job_name if isinstance(found, submission.Adopt) else None


def _shown(value: Any) -> dict[str, Any]:
    if isinstance(value, LiteralInput):
        return {"type": type_name(value), "value": value.value}
    return {"type": type_name(value), "uri": value.uri}


def _uris(record: Record) -> str:
    return ", ".join(output["uri"] for output in record.outputs.values())
