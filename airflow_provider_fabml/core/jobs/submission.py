"""Submit once: what to do next for one task instance, as a pure function of what is known (D1, D2).

The record is written to the task state store *before* the job-creating POST (the intent) and again
right after it (the handle). It survives retries and Clears and never expires.

==========================================  =====================================================
known                                       next step
==========================================  =====================================================
no record                                   ``Open``: attempt named by this try
record of other inputs, or of before a      ``Open``, settling the attempt before
Clear (raw ``max_tries`` differs)
intent, but no handle (the answer was lost  ``LookUp`` by our tag and the attempt's output URIs: its
or the process died around the POST)        job is adopted; none after every page was read and the
                                            settle window passed: ``Open``; else ``Undecided``
handle, status unknown                      ``Ask`` for the job
handle, job ended Failed or Canceled        ``Open`` in a later try; in the same try the failure is
                                            the task's own
handle, and the attempt is spent: its       ``Open`` in a later try
result was not usable, or we cancelled it
handle, any other status                    ``Resume`` the job; a completed one gives its result
==========================================  =====================================================
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.jobs.job import CANCELED, FAILED, JobHandle
from airflow_provider_fabml.core.storage.uri import DatastoreUri, parse_uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# How long a job that was created may stay invisible in lists. Undocumented: generous by choice.
SETTLE_WINDOW = timedelta(seconds=60)
# The tag that names the invocation. Whether the service stores tags is unknown: switch `stores_tags`.
INVOCATION_TAG = "airflow_invocation"
# Clocks of worker and service may disagree by this much when jobs are told apart by time.
CLOCK_SKEW = timedelta(minutes=5)


class Record(NamedTuple):
    """The state of the newest attempt, as kept in the task state store.

    ``outputs`` are the placed outputs (``{"score": {"type": "UriFile", "uri": …}}``), ``intended_at``
    an ISO 8601 instant written before the POST, ``job`` the handle once it is known. ``own_place`` is
    False where the caller gave an output's URI, so that other jobs may write to the same one.
    ``spent`` is True once nothing can come of the attempt any more.
    """

    attempt: int
    invocation_id: str
    max_tries: int
    digest: str
    endpoint_name: str
    deployment_name: str
    kind: str
    outputs: dict[str, Any]
    intended_at: str
    job: dict[str, Any] | None = None
    own_place: bool = True
    spent: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for the task state store."""
        return self._asdict()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """The record in a dictionary of ``to_json``; unknown keys of later versions are dropped."""
        return cls(**{name: value[name] for name in cls._fields if name in value})


class Situation(NamedTuple):
    """A try: its number, the task instance's raw ``max_tries``, and what is asked for now."""

    try_number: int
    max_tries: int
    digest: str


class Open(NamedTuple):
    """Open attempt number ``attempt``; ``before`` is the attempt to settle first, if any."""

    attempt: int
    before: Record | None = None


class LookUp(NamedTuple):
    """Look for the job of ``record`` among the endpoint's jobs."""

    record: Record


class Ask(NamedTuple):
    """Read the job of ``record``."""

    record: Record


class Resume(NamedTuple):
    """Go on with the job of ``record``."""

    record: Record


Step: TypeAlias = Open | LookUp | Ask | Resume


def next_step(record: Record | None, now: Situation, job_status: str | None = None) -> Step:
    """What to do next; ``job_status`` is the job's status where it was just read.

    A new attempt never takes the number of the one before, whose output folder is in use: where
    templates rendered differently when the same try ran again, it takes the next.
    """
    if record is None:
        return Open(now.try_number)
    if record.max_tries != now.max_tries or record.digest != now.digest:
        return Open(max(now.try_number, record.attempt + 1), before=record)
    if record.job is None:
        return LookUp(record)
    if job_status is None and not record.spent:
        return Ask(record)
    over = record.spent or job_status in {FAILED, CANCELED}
    if over and record.attempt != now.try_number:
        return Open(now.try_number)
    return Resume(record)


class Adopt(NamedTuple):
    """The look-up found the attempt's own job."""

    job_name: str


class WaitAndLookAgain(NamedTuple):
    """Nothing was found yet and the job may still become visible; ``seconds`` until the next look."""

    seconds: float


class NotThere(NamedTuple):
    """Every page was read, the settle window has passed, and no job has the attempt's outputs."""


class Undecided(NamedTuple):
    """The jobs that might be the attempt's own cannot be told apart."""

    candidates: tuple[str, ...]


Found: TypeAlias = Adopt | WaitAndLookAgain | NotThere | Undecided


def judge(
    record: Record,
    jobs: Sequence[Mapping[str, Any]],
    now: datetime,
    visible_by: datetime | None = None,
) -> Found:
    """The verdict of a complete look-up: ``jobs`` are all jobs of the endpoint, in any order.

    ``visible_by`` is when a job of the attempt is sure to be listed; the settle window after the
    intent where it is not said.

    The fingerprint is our tag, where the service stores tags, and the output URI. A URI below the
    attempt's own folder is ours alone; one that the caller gave may be another job's too, so time and
    tag must agree. A job with neither mark (the service keeps the URI for model deployments with an
    explicit output; unknown for pipelines) that began after the intent could be ours, and then nothing
    is posted.
    """
    kin: dict[str, list[str]] = {_OURS: [], _SAME_PLACE: [], _UNCLEAR: [], _OTHER: []}
    for job in jobs:
        kin[_kinship(record, job)].append(str(job["name"]))
    if kin[_OURS]:
        return Adopt(kin[_OURS][0])
    candidates = kin[_SAME_PLACE] + kin[_UNCLEAR]
    if kin[_SAME_PLACE] and len(candidates) == 1:
        return Adopt(candidates[0])
    if candidates:
        return Undecided(tuple(sorted(candidates)))
    if visible_by is None:
        visible_by = datetime.fromisoformat(record.intended_at) + SETTLE_WINDOW
    if now < visible_by:
        return WaitAndLookAgain(min(5.0, (visible_by - now).total_seconds()))
    return NotThere()


_OURS, _SAME_PLACE, _UNCLEAR, _OTHER = "ours", "same place", "unclear", "other"


def _kinship(record: Record, job: Mapping[str, Any]) -> str:
    marks, invocation, created = output_uris(job), invocation_tag(job), _created(job)
    wanted = {canonical(output["uri"]) for output in record.outputs.values()}
    intended = datetime.fromisoformat(record.intended_at)
    if invocation == record.invocation_id or (record.own_place and marks & wanted):
        return _OURS
    if invocation or created < intended - CLOCK_SKEW or (marks and not marks & wanted):
        return _OTHER
    return _SAME_PLACE if marks and created >= intended else _UNCLEAR


def invocation_tag(job: Mapping[str, Any]) -> str:
    """The invocation id in the job's tags, or ''."""
    tags = (job.get("properties") or {}).get("tags") or {}
    return str(tags.get(INVOCATION_TAG) or "")


def output_uris(job: Mapping[str, Any]) -> set[str]:
    """The output URIs a job resource tells, in canonical form.

    ``azureml.parameters.output_uri`` (recorded in 2023-01), ``outputData`` of the data plane, ``outputs`` of
    the job resource.
    """
    properties = job.get("properties") or {}
    told: list[Any] = []
    for block in (properties.get("outputData"), properties.get("outputs")):
        told.extend(value.get("uri") for value in (block or {}).values() if value)
    try:
        bag = properties.get("properties") or {}
        told.append(json.loads(bag.get("azureml.parameters") or "{}").get("output_uri"))
    except (ValueError, AttributeError):
        pass  # parameters of another form tell no URI
    return {canonical(uri) for uri in told if isinstance(uri, str) and uri}


def canonical(uri: str) -> str:
    """A datastore URI without its workspace part, since the service may answer in the long form."""
    try:
        parsed = parse_uri(uri, field="output_uri")
    except UsageError:
        return uri
    if isinstance(parsed, DatastoreUri):
        return f"{parsed.datastore}/{parsed.path.strip('/')}"
    return uri


def _created(job: Mapping[str, Any]) -> datetime:
    text = str((job.get("systemData") or {}).get("createdAt") or "")
    try:
        created = datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return created if created.tzinfo else created.replace(tzinfo=UTC)


def handle_of(record: Record) -> JobHandle:
    """The handle stored in the record. Call only when ``record.job`` is set."""
    return JobHandle.from_json(record.job or {})
