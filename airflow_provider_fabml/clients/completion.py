"""What a job that has ended means: its checked result, or an error that a person can act on."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml import __version__
from airflow_provider_fabml.core.errors import (
    FabmlError,
    JobNotCompletedError,
    OutOfTimeError,
    OutputNotUsableError,
)
from airflow_provider_fabml.core.jobs.job import COMPLETED, JobHandle
from airflow_provider_fabml.core.jobs.manifest import manifest, manifest_uris, to_bytes
from airflow_provider_fabml.core.jobs.output_check import facts_to_json, refuse_output

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.clients.data_checks import DataChecks

log = logging.getLogger(__name__)


class Finished(NamedTuple):
    """A completed job's result, and its manifest, both plain JSON."""

    result: dict[str, Any]
    manifest: dict[str, Any]


def finish(
    handle: JobHandle,
    client: BatchEndpointClient,
    checks: DataChecks | None,
    *,
    write_manifest: bool = True,
    is_the_end: Callable[[JobNotCompletedError], bool] = lambda _error: True,
) -> Finished:
    """The handle of a completed job with ``checked_outputs`` where storage is reachable.

    A job that has ended with a result, or without one, leaves its manifest beside its outputs (D10).
    One without a result leaves it only where that is the scoring's end too: while ``is_the_end`` says
    that another job may follow, a router has to take the partition for in flight.

    Raises ``JobNotCompletedError`` for a job that Failed or was Canceled, and
    ``OutputNotUsableError`` for a completed one without a usable result: that is not finished.
    """
    writer = checks if write_manifest else None
    if handle.status != COMPLETED:
        error = _explained(handle, client)
        if is_the_end(error):
            with suppress(FabmlError):  # the failure is what has to be told
                _left(handle, {}, writer)
        raise error
    log.info("Job %s completed", handle.job_name)
    if checks is None:
        log.info("No storage connection: the output of job %s is not checked", handle.job_name)
    checked = _checked(handle, checks) if checks is not None else {}
    return Finished(
        {**handle.to_json(), "checked_outputs": checked}, _left(handle, checked, writer)
    )


def _left(handle: JobHandle, checked: dict[str, Any], checks: DataChecks | None) -> dict[str, Any]:
    """Write the manifest where its place is known, and give it; last of all that is written."""
    by = f"airflow-provider-fabml/{__version__}"
    facts = manifest(handle, outputs=checked, written_by=by, now=datetime.now(UTC))
    if checks is not None and handle.outputs and handle.run:
        uris = manifest_uris(handle.outputs)
        for uri in checks.write_manifests(uris, to_bytes(facts)):
            log.warning("%s is out of this connection's reach: no manifest there", uri)
        log.info("Manifest at %s", ", ".join(uris))
    return facts


def out_of_time(
    handle: JobHandle, client: BatchEndpointClient, *, limit: timedelta | None, cancel: bool
) -> OutOfTimeError:
    """The error of a deadline that passed; the job is cancelled or left running, as asked."""
    fate = cancelled(handle.job_name, client) if cancel else "it was left running"
    return OutOfTimeError(
        f"job {handle.job_name} was {handle.status or 'in an unknown state'} when "
        f"execution_timeout ({limit}) was about to pass; {fate}",
        remedy="raise execution_timeout, or look at what the job waits for",
        url=handle.studio_url or None,
    )


def cancelled(job_name: str, client: BatchEndpointClient) -> str:
    """Ask for the job's cancellation and say, in half a sentence, what came of it."""
    try:
        accepted = client.cancel_job(job_name)
    except FabmlError as error:
        return f"its cancellation failed ({error})"
    return "its cancellation was asked for" if accepted else "it ended meanwhile"


def _explained(handle: JobHandle, client: BatchEndpointClient) -> JobNotCompletedError:
    what = f"job {handle.job_name} on endpoint {handle.endpoint_name!r} ended {handle.status}"
    try:
        reason = client.failure_reason(handle.job_name)
    except Exception as error:  # noqa: BLE001 - an explanation that fails must not hide the failure
        log.warning("The reason could not be read: %s", error)
        return JobNotCompletedError(what, url=handle.studio_url or None)
    step = f" (step {reason.step!r})" if reason.step else ""
    return JobNotCompletedError(
        f"{what}{step}. {reason.text()}",
        remedy=reason.remedy,
        url=handle.studio_url or None,
        advice=reason.advice,
    )


def _checked(handle: JobHandle, checks: DataChecks) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    submitted = datetime.fromisoformat(handle.submitted_at) if handle.submitted_at else None
    for name, output in (handle.outputs or {}).items():
        facts = checks.facts(output["uri"], is_file=output["type"] == "UriFile")
        if facts is None:
            log.warning("Output %r at %s cannot be seen, and is not checked", name, output["uri"])
            continue
        refusal = refuse_output(output["uri"], facts, submitted)
        if refusal:
            raise OutputNotUsableError(
                f"Job {handle.job_name}: {refusal}",
                remedy="look at the job's log in the studio, and at who else writes to that path",
                url=handle.studio_url or None,
            )
        log.info("Output %r: %s file(s), %s bytes, %s rows", name, *facts[:2], facts.rows)
        checked[name] = facts_to_json(facts)
    return checked
