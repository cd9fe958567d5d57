"""Drives ``core.jobs.submission``: asks, looks up, posts once, and remembers before it goes on.

If the process dies between two lines of this file, the task state store knows enough for the next try
to look for the job before it starts a second one (D1, D2). What stays open: a job that is listed later
than the settle window after its POST, and a process that is stopped within its POST for longer than all
windows and then goes on; when the task ends, such a job is asked for once more.
"""

from __future__ import annotations

import logging
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.clients.look_up import look_up
from airflow_provider_fabml.clients.plan import Plan, Store, Submitted
from airflow_provider_fabml.core.errors import (
    AnswerLostError,
    FabmlError,
    NotSentError,
    OutOfTimeError,
    PermanentError,
    TransientError,
)
from airflow_provider_fabml.core.jobs import steps, submission
from airflow_provider_fabml.core.jobs.job import JobHandle, JobView, is_terminal
from airflow_provider_fabml.core.jobs.known import Known
from airflow_provider_fabml.core.jobs.look_up import INVOCATION_TAG
from airflow_provider_fabml.core.jobs.record import Record, mark_of
from airflow_provider_fabml.core.jobs.submission_errors import not_waited_for, taken_over
from airflow_provider_fabml.core.scoring.invocation import (
    place_outputs,
    request_body,
    shown_inputs,
    shown_outputs,
)
from airflow_provider_fabml.core.scoring.kind_rules import check_kind
from airflow_provider_fabml.core.scoring.run_identity import attempt_folder, attempt_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.core.service.flows import Target

log = logging.getLogger(__name__)
# Answers that say that the POST was not run: a claims challenge, and throttling.
_NOT_RUN = frozenset({401, 429})
# What is asked about a job that was started, or may have been: such a question must not be given up at
# once. An attempt that cannot be opened has started nothing, and is the retries' business.
_QUESTIONS = steps.Ask | steps.LookUp | steps.Adopt | steps.End


class Submitter:
    """One task instance's way to its job.

    ``sleep`` takes seconds and may raise to give up; ``new_id`` makes a UUID for each POST.
    """

    def __init__(
        self,
        client: BatchEndpointClient,
        store: Store,
        plan: Plan,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._client, self._store, self._plan = client, store, plan
        self._sleep, self._now, self._new_id = sleep, now, new_id
        self._stored: Mapping[str, Any] | None = None  # before this try
        self._mine: Mapping[str, Any] | None = None  # as this process left it
        self._ready: tuple[Target, dict[str, Any]]
        self._observed: tuple[dict[str, Any], ...] = ()
        self._resumed = True
        self._doing: dict[type, Callable[[Any, Known], Known]] = {
            steps.Ask: self._ask,
            steps.LookUp: self._look_up,
            steps.Adopt: self._adopt,
            steps.Wait: self._wait,
            steps.End: self._end,
            steps.LeaveBehind: self._leave_behind,
            steps.Open: self._open,
            steps.Post: self._post,
            steps.Fail: self._fail,
        }

    def submit(self) -> Submitted:
        """The job of this attempt: found, resumed or newly started.

        Raises ``UsageError``, ``PermanentError``, ``TransientError`` or ``OutOfTimeError``.
        """
        self._stored = self._mine = self._store.load()
        record = Record.from_json(self._stored) if self._stored else None
        known = Known.at_start(record, self._plan.situation, self._plan.limits)
        while True:
            step = submission.next_step(known, self._now())
            if isinstance(step, steps.Resume):
                return self._resume(step)
            try:
                known = self._doing[type(step)](step, known)
            except (TransientError, PermanentError) as error:
                if not isinstance(step, _QUESTIONS):
                    raise
                known = known.troubled(error, self._now())

    def _ask(self, step: steps.Ask, known: Known) -> Known:
        handle = step.record.handle
        view = self._client.get_job(handle.job_name)
        log.info("Job %s of attempt %s is %s", handle.job_name, step.record.attempt, view.status)
        self._observed = (view.properties,)
        return known.asked(view.status)

    def _look_up(self, step: steps.LookUp, known: Known) -> Known:
        found = look_up(self._client, step.record, self._now(), known.visible_by)
        return known.looked(found)

    def _adopt(self, step: steps.Adopt, known: Known) -> Known:
        log.info("Found job %s; no second one is started", step.job_name)
        if step.others:
            log.error("Jobs %s carry the same marks: look at them", ", ".join(step.others))
        return self._remember(step.record, self._client.get_job(step.job_name), known)

    def _wait(self, step: steps.Wait, known: Known) -> Known:
        if step.why:
            log.warning("%s; going on in %.0f s", step.why, step.seconds)
        self._sleep(step.seconds)
        return known.waited()

    def _leave_behind(self, step: steps.LeaveBehind, known: Known) -> Known:
        level = logging.ERROR if known.limits.cancel_before else logging.WARNING
        log.log(level, "Attempt %s is left as it is: it %s", step.record.attempt, step.why)
        return known.settle(*step.jobs) if step.jobs else known.looked(())

    def _fail(self, step: steps.Fail, known: Known) -> Known:
        raise self._give_up(step.error, known)

    def _open(self, step: steps.Open, known: Known) -> Known:
        plan, invocation = self._plan, self._plan.invocation
        target = self._client.target(
            invocation.endpoint_name, invocation.deployment_name, plan.stated_kind
        )
        check_kind(invocation, target.kind)
        invocation_id = self._new_id()
        name, index = attempt_name(step.attempt, invocation_id), plan.identity.map_index
        folder = attempt_folder(plan.identity, name)
        outputs = place_outputs(invocation, target.kind, folder, name, index)
        seen = plan.before_post(invocation, outputs)
        tags = {**plan.tags, INVOCATION_TAG: invocation_id}
        body = request_body(invocation, outputs, tags=tags, description=plan.description)
        self._ready = target, self._client.with_asset_ids(body)
        record = Record(
            attempt=step.attempt,
            try_number=plan.situation.try_number,
            invocation_id=invocation_id,
            max_tries=plan.situation.max_tries,
            clear_number=plan.situation.clear_number,
            digest=plan.situation.digest,
            endpoint_name=invocation.endpoint_name,
            deployment_name=target.deployment_name,
            kind=target.kind,
            inputs=shown_inputs(invocation),
            seen_inputs=seen,
            outputs=shown_outputs(outputs),
            intended_at=self._now().isoformat(),
            own_place=invocation.own_place,
            deadline=step.deadline.isoformat() if step.deadline else None,
            unseen=step.unseen,
        )
        return known.opened(record)

    def _post(self, step: steps.Post, known: Known) -> Known:
        """Intent, POST, handle. What an answer means for the next step is ``submission``'s to say."""
        target, body = self._ready
        # Each POST is an intent of its own: a look-up counts its window from here.
        record = step.record._replace(intended_at=self._now().isoformat())
        self._save(record)
        known = known._replace(record=record)
        try:
            view = self._client.invoke(
                target,
                body,
                deployment_name=self._plan.invocation.deployment_name,
                invocation_id=record.invocation_id,
                seconds=known.limits.post_time.total_seconds() or None,
                not_after=step.not_after,
            )
        except AnswerLostError as error:
            log.warning("%s", error)
            return known.lost_answer(self._now())
        except TransientError as error:
            if not (isinstance(error, NotSentError) or error.status in _NOT_RUN):
                raise self._give_up(error, known) from error
            return known.refused_to_run(error, self._now() + _pause(error, len(known.not_run)))
        except PermanentError as error:
            raise self._give_up(error, known) from error
        self._resumed = False
        return self._remember(record, view, known)

    def _save(self, record: Record) -> None:
        """Store the record; raises ``TakenOverError`` where another try has stored one meanwhile."""
        if self._is_taken_over():
            raise taken_over(record)
        self._mine = record.to_json()
        self._store.save(self._mine)

    def _is_taken_over(self) -> bool:
        """A process can be stopped at any line, for longer than Airflow waits for its heartbeats."""
        return mark_of(self._store.load()) != mark_of(self._mine)

    def _remember(self, record: Record, view: JobView, known: Known) -> Known:
        handle = JobHandle(
            job_name=view.name,
            endpoint_name=record.endpoint_name,
            deployment_name=record.deployment_name,
            status=view.status,
            studio_url=view.studio_url,
            inputs={
                n: {**one, **record.seen_inputs.get(n, {})} for n, one in record.inputs.items()
            },
            outputs=record.outputs,
            submitted_at=view.created_at or record.intended_at,
            attempt=record.attempt,
            invocation_id=record.invocation_id,
            run={
                **self._plan.identity._asdict(),
                "assets": list(self._plan.assets),
                "emitted": self._plan.emitted,
                "emitted_at": self._plan.emitted_at and self._plan.emitted_at.isoformat(),
            },
        )
        log.info("Job %s belongs to attempt %s", view.name, record.attempt)
        record = record._replace(job=handle.to_json())
        self._save(record)
        self._observed = (view.properties,)
        return known.has_job(record, view.status)

    def _resume(self, step: steps.Resume) -> Submitted:
        record, own = step.record, self._plan.limits.deadline
        if record.deadline is None and own is not None:
            record = record._replace(deadline=own.isoformat())
            self._save(record)
        handle = record.handle._replace(status=step.status)
        if self._resumed:
            log.info("Resuming job %s of attempt %s", handle.job_name, record.attempt)
        if record.unseen:
            log.warning(not_waited_for(record.open_posts(), handle.job_name))
        return Submitted(handle, self._observed, self._resumed, record.ends)

    def _end(self, step: steps.End, known: Known) -> Known:
        """Cancel the job of the attempt before, if it still runs."""
        came = self._client.get_job(step.job_name).status
        if not is_terminal(came):
            self._client.cancel_job(step.job_name)
            came += ", its cancellation was asked for"
        log.info("Job %s of attempt %s: %s", step.job_name, step.record.attempt, came)
        return known.settle(step.job_name)

    def _give_up(self, error: FabmlError, known: Known) -> FabmlError:
        """Leave a true record behind: no intent of a POST that has not run, no deadline that passed."""
        record = known.record
        if self._is_taken_over():
            return error  # the record is another try's now
        if record is not None and known.ours and known.unknown_since is None:
            # The number and the folder of the attempt before stay taken, an earlier POST open.
            still_open = record.before_its_last_post()
            before = still_open.to_json() if still_open else self._stored
            if before:
                self._store.save(dict(before))
            else:
                self._store.forget()
        elif isinstance(error, OutOfTimeError) and record is not None:
            self._save(record._replace(deadline=None))
        return error


def _pause(error: TransientError, posts: int) -> timedelta:
    """How long to wait after a POST that has not run: what the service asks, else 1, 2, 4 … seconds."""
    seconds = error.retry_after if error.retry_after is not None else 2.0**posts
    return timedelta(seconds=seconds)
