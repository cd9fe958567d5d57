"""What a submission is given and what it gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_provider_fabml.core.jobs.known import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from airflow_provider_fabml.core.jobs.job import JobHandle
    from airflow_provider_fabml.core.jobs.record import Situation
    from airflow_provider_fabml.core.scoring.invocation import Invocation
    from airflow_provider_fabml.core.scoring.job_io import JobOutput
    from airflow_provider_fabml.core.scoring.run_identity import RunIdentity


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
    called with the placed outputs right before the intent is written; it raises to refuse, and gives what
    it saw of the inputs, by name, for the record. ``assets`` are those whose partition is scored,
    ``emitted`` is the digest that their routers know its data by, ``emitted_at`` when they emitted it
    the last time.
    """

    invocation: Invocation
    stated_kind: str | None
    identity: RunIdentity
    situation: Situation
    tags: dict[str, str]
    description: str
    before_post: Callable[[Invocation, Mapping[str, JobOutput]], Mapping[str, Any]]
    limits: Limits = Limits()
    assets: tuple[str, ...] = ()
    emitted: str | None = None
    emitted_at: datetime | None = None


class Submitted(NamedTuple):
    """The job of this attempt.

    ``observed`` are the ``properties`` of the answers at hand, for ``compare``; ``resumed`` is True
    when an earlier try had started the job; ``deadline`` is when waiting for it ends.
    """

    handle: JobHandle
    observed: tuple[dict[str, Any], ...]
    resumed: bool
    deadline: datetime | None = None
