"""Submit once: what to do next for one task instance, as a pure function of what is known (D1, D2).

The record is written to the task state store *before* the job-creating POST (the intent) and again
right after it (the handle). It survives retries and Clears and never expires.

==========================================  =====================================================
known                                       next step
==========================================  =====================================================
no record                                   ``Open``: attempt named by this try
record of other inputs, or of before a      ``Open``, settling the attempt before
Clear (raw ``max_tries`` differs)
intent, but no handle (the answer was lost  ``LookUp`` by the attempt's own output URIs; one match:
or the process died around the POST)        ``Adopt``; none after every page was read and the settle
                                            window passed: ``Open``; anything else: ``Undecided``
handle, status unknown                      ``Ask`` for the job
handle, job ended Failed or Canceled        ``Open`` in a later try; in the same try the failure is
                                            the task's own
handle, any other status                    ``Resume`` the job; a completed one gives its result
==========================================  =====================================================
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.job import CANCELED, FAILED, JobHandle
from airflow_provider_fabml.core.uri import DatastoreUri, parse_uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# How long a job that was created may stay invisible in lists. Undocumented: generous by choice.
SETTLE_WINDOW = timedelta(seconds=60)
# The tag that names the invocation. Whether the service stores tags is unknown (contract, unknown 2).
INVOCATION_TAG = "airflow_invocation"
# Clocks of worker and service may disagree by this much when jobs are told apart by time.
CLOCK_SKEW = timedelta(minutes=5)


class Record(NamedTuple):
    """The state of the newest attempt, as kept in the task state store.

    ``outputs`` are the placed outputs (``{"score": {"type": "UriFile", "uri": …}}``), ``intended_at``
    an ISO 8601 instant written before the POST, ``job`` the handle once it is known.
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

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for the task state store."""
        return self._asdict()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """The record in a dictionary of :meth:`to_json`; unknown keys of later versions are dropped."""
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
    """What to do next; ``job_status`` is the job's status where it was just read."""
    if record is None:
        return Open(now.try_number)
    if record.max_tries != now.max_tries or record.digest != now.digest:
        return Open(now.try_number, before=record)
    if record.job is None:
        return LookUp(record)
    if job_status is None:
        return Ask(record)
    if job_status in {FAILED, CANCELED} and record.attempt != now.try_number:
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


def judge(record: Record, jobs: Sequence[Mapping[str, Any]], now: datetime) -> Found:
    """The verdict of a complete look-up: ``jobs`` are all jobs of the endpoint, in any order.

    The fingerprint is the output URI, ours alone; our tag serves as well where the service stores
    tags. A job with neither (the service keeps the URI for model deployments with an explicit output;
    unknown for pipelines) that began after the intent could be ours, and then nothing is posted.
    """
    wanted = {canonical(output["uri"]) for output in record.outputs.values()}
    since = datetime.fromisoformat(record.intended_at) - CLOCK_SKEW
    unmarked: list[str] = []
    for job in jobs:
        marks, invocation = output_uris(job), invocation_tag(job)
        if marks & wanted or invocation == record.invocation_id:
            return Adopt(str(job["name"]))
        if not marks and not invocation and _created(job) >= since:
            unmarked.append(str(job["name"]))
    if unmarked:
        return Undecided(tuple(sorted(unmarked)))
    visible_by = datetime.fromisoformat(record.intended_at) + SETTLE_WINDOW
    if now < visible_by:
        return WaitAndLookAgain(min(5.0, (visible_by - now).total_seconds()))
    return NotThere()


def invocation_tag(job: Mapping[str, Any]) -> str:
    """The invocation id in the job's tags, or ''."""
    tags = (job.get("properties") or {}).get("tags") or {}
    return str(tags.get(INVOCATION_TAG) or "")


def output_uris(job: Mapping[str, Any]) -> set[str]:
    """The output URIs a job resource tells, in canonical form.

    ``azureml.parameters.output_uri`` (contract §2.4), ``outputData`` of the data plane, ``outputs`` of
    the job resource.
    """
    properties = job.get("properties") or {}
    told: list[Any] = []
    for block in (properties.get("outputData"), properties.get("outputs")):
        told.extend((value or {}).get("uri") for value in (block or {}).values())
    try:
        parameters = json.loads(
            (properties.get("properties") or {}).get("azureml.parameters") or "{}"
        )
        told.append(parameters.get("output_uri"))
    except (ValueError, AttributeError):
        pass
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
