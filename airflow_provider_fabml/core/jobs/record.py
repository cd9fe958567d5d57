"""What one task instance remembers of its newest attempt, and whether that attempt is over (D2)."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.jobs.job import CANCELED, FAILED, JobHandle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Record(NamedTuple):
    """The state of the newest attempt, as kept in the task state store.

    ``attempt`` is its number, ``try_number`` the try that opened it (0: the same). ``outputs`` are the
    placed outputs (``{"score": {"type": "UriFile", "uri": …}}``), ``inputs`` what was asked, for people;
    ``intended_at`` is an ISO 8601 instant written before the POST, ``job`` the handle once it is known.
    ``own_place`` is False where the caller gave an output's URI, so that other jobs may write there too.
    ``spent`` is True once nothing can come of the attempt any more. ``deadline`` (ISO 8601) is when
    waiting for it ends; a try that resumes it inherits this. ``clear_number`` is the DAG run's, and
    ``unseen`` are POSTs whose answers were lost and whose jobs no list showed. ``seen_inputs`` is what
    storage said of the inputs right before the attempt was opened, by name.
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
    deadline: str | None = None
    clear_number: int = 0
    inputs: Mapping[str, Any] = MappingProxyType({})
    unseen: Sequence[dict[str, Any]] = ()
    seen_inputs: Mapping[str, Any] = MappingProxyType({})
    try_number: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for the task state store."""
        plain = {"inputs": dict(self.inputs), "seen_inputs": dict(self.seen_inputs)}
        return {**self._asdict(), **plain, "unseen": list(self.unseen)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """The record in a dictionary of ``to_json``; unknown keys of later versions are dropped."""
        kept = {name: value[name] for name in cls._fields if name in value}
        return cls(**{**kept, "unseen": tuple(kept.get("unseen", ()))})

    @property
    def handle(self) -> JobHandle:
        """The handle of the attempt's job. Read it only where ``job`` is set."""
        return JobHandle.from_json(self.job or {})

    @property
    def ends(self) -> datetime | None:
        """``deadline`` as an instant."""
        return datetime.fromisoformat(self.deadline) if self.deadline else None

    def posted(self) -> dict[str, Any]:
        """The part of the record by which a job of this POST is known again."""
        kept = {"attempt", "invocation_id", "endpoint_name", "inputs", "seen_inputs", "outputs"}
        kept.add("intended_at")
        return {name: value for name, value in self.to_json().items() if name in kept}

    def before_its_last_post(self) -> Record | None:
        """The record as it was before a POST that has not run: an earlier one of the same attempt is
        still open where no list has shown its job. None where there is none.
        """
        mine = [post for post in self.unseen if post.get("attempt") == self.attempt]
        if not mine:
            return None
        others = tuple(post for post in self.unseen if post is not mine[-1])
        return self._replace(**mine[-1], job=None, unseen=others)

    def open_posts(self) -> list[Record]:
        """Each POST whose job nobody has seen, newest first, as the record would be if its job were found:
        the others stay unseen then.
        """
        posts = [*self.unseen, *([] if self.job else [self.posted()])]
        newest_first = range(len(posts) - 1, -1, -1)
        return [
            self._replace(**posts[at], job=None, unseen=(*posts[:at], *posts[at + 1 :]))
            for at in newest_first
        ]


def mark_of(stored: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """What tells one stored intent from another: a process whose intent was replaced was taken over."""
    return tuple((stored or {}).get(name) for name in ("attempt", "invocation_id", "intended_at"))


class Situation(NamedTuple):
    """A try: its number, what Airflow says of the task instance, and what is asked for now.

    ``max_tries`` is the task instance's raw value, ``retries`` the DAG file's of today,
    ``clear_number`` counts how often tasks of the run were cleared.
    """

    try_number: int
    max_tries: int
    digest: str
    retries: int = 0
    clear_number: int = 0


def is_over(record: Record, now: Situation, job_status: str | None = None) -> bool:
    """Whether the attempt of ``record`` is over for a try, so that another one has to be opened.

    A failure is its own try's business: only a later try opens the next attempt.
    """
    if was_cleared(record, now) or record.digest != now.digest:
        return True
    ended = record.spent or job_status in {FAILED, CANCELED}
    return ended and (record.try_number or record.attempt) != now.try_number


def was_cleared(record: Record, now: Situation) -> bool:
    """Whether a person cleared the task since the record was written.

    Airflow 3.3 sets ``max_tries`` to the tries so far plus the task's ``retries`` on a Clear
    (``clear_task_instances``), and at no other time: editing ``retries`` alone leaves it. Where
    ``retries`` was lowered by just as much, the number stays; then the run's ``clear_number`` has
    risen, and the sum tells at which try it was.
    """
    if record.max_tries != now.max_tries:
        return True
    cleared_at = now.max_tries - now.retries
    return record.clear_number != now.clear_number and (
        record.attempt <= cleared_at < now.try_number
    )
