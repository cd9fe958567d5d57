"""Is the job of a POST whose answer was lost among the endpoint's jobs? A verdict over all of them (D1)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.uri import DatastoreUri, parse_uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_fabml.core.jobs.record import Record

# How long a job that was created may stay invisible in lists. Undocumented: generous by choice.
SETTLE_WINDOW = timedelta(seconds=60)
# The tag that names the invocation. Whether the service stores tags is unknown: switch `stores_tags`.
INVOCATION_TAG = "airflow_invocation"
# Clocks of worker and service may disagree by this much when jobs are told apart by time.
CLOCK_SKEW = timedelta(minutes=5)
# Details are read of no more jobs than this in one look-up.
MAX_DETAILS = 20


class Identified(NamedTuple):
    """The POST's own job was found; ``others`` carry its marks too (there should be none)."""

    job_name: str
    others: tuple[str, ...] = ()


class WaitAndLookAgain(NamedTuple):
    """Nothing was found yet and the job may still become visible; ``seconds`` until the next look."""

    seconds: float


class NotThere(NamedTuple):
    """Every page was read, the settle window has passed, and no job has the attempt's outputs."""


class Undecided(NamedTuple):
    """The jobs that might be the attempt's own cannot be told apart."""

    candidates: tuple[str, ...]


Found: TypeAlias = Identified | WaitAndLookAgain | NotThere | Undecided


class Verdict(NamedTuple):
    """What a look-up says of one POST; ``post`` is the attempt's record as that POST left it."""

    post: Record
    found: Found


def judge_all(
    posts: Sequence[Record],
    jobs: Mapping[str, Sequence[Mapping[str, Any]]],
    now: datetime,
    visible_by: datetime | None,
) -> tuple[Verdict, ...]:
    """The verdicts on all POSTs of an attempt whose jobs nobody has seen, the newest first.

    ``jobs`` are all jobs of each endpoint's name. Only the newest POST may still be on its way, until
    ``visible_by``; None where it is answered, or was looked for long enough.
    """
    found: list[Verdict] = []
    for post in posts:
        in_time = visible_by if not found and visible_by else now
        found.append(Verdict(post, judge(post, jobs[post.endpoint_name], now, in_time)))
    return tuple(found)


def judge(
    record: Record,
    jobs: Sequence[Mapping[str, Any]],
    now: datetime,
    visible_by: datetime,
) -> Found:
    """The verdict of a complete look-up: ``jobs`` are all jobs of the endpoint, in any order.

    ``visible_by`` is when a job of the POST is sure to be listed; until then one that cannot be told
    from ours may still be followed by our own.

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
        return Identified(kin[_OURS][0], tuple(kin[_OURS][1:]))
    candidates = kin[_SAME_PLACE] + kin[_UNCLEAR]
    if kin[_SAME_PLACE] and len(candidates) == 1:
        return Identified(candidates[0])
    if now < visible_by:
        return WaitAndLookAgain(min(5.0, (visible_by - now).total_seconds()))
    return Undecided(tuple(sorted(candidates))) if candidates else NotThere()


def doubtful(record: Record, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of jobs without a mark that could be ours, those nearest to the intent first: their details
    may tell more.

    A list need not carry what the job itself tells (``azureml.parameters`` was recorded on a single
    job). Nothing is doubtful once a job is known to be ours.
    """
    kin = [(_kinship(record, job), _created(job), str(job["name"])) for job in jobs]
    if any(kinship == _OURS for kinship, _, _ in kin):
        return []
    intended = datetime.fromisoformat(record.intended_at)
    unclear = [
        (abs(created - intended), name) for kinship, created, name in kin if kinship == _UNCLEAR
    ]
    return [name for _, name in sorted(unclear)][:MAX_DETAILS]


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
