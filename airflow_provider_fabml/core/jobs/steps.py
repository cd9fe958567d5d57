"""What a submission can ask for: each step is a value, and whoever drives it does what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.core.errors import FabmlError
    from airflow_provider_fabml.core.jobs.record import Record


class Ask(NamedTuple):
    """Read the job of ``record``."""

    record: Record


class LookUp(NamedTuple):
    """Read all jobs of the endpoint and judge which are those of the open POSTs of ``record``."""

    record: Record


class Adopt(NamedTuple):
    """Take the job of this name for the job of ``record``; ``others`` carry its marks too."""

    record: Record
    job_name: str
    others: tuple[str, ...] = ()


class Wait(NamedTuple):
    """Let ``seconds`` pass."""

    seconds: float
    why: str


class End(NamedTuple):
    """Settle a job of the attempt of ``record``: cancel it if it still runs."""

    record: Record
    job_name: str


class LeaveBehind(NamedTuple):
    """Settle ``jobs`` of the attempt of ``record`` by leaving them; ``why`` is worth a line in the log.

    Without ``jobs`` nobody could tell which there are.
    """

    record: Record
    jobs: tuple[str, ...]
    why: str


class Open(NamedTuple):
    """Open attempt number ``attempt``: find the deployment, place the outputs, make the intent.

    ``unseen`` are earlier POSTs whose jobs no list showed; waiting for the attempt ends at ``deadline``.
    """

    attempt: int
    unseen: tuple[dict[str, object], ...] = ()
    deadline: datetime | None = None


class Post(NamedTuple):
    """Store the intent, then send the job-creating POST, until ``not_after`` at the latest."""

    record: Record
    not_after: datetime


class Resume(NamedTuple):
    """Go on with the job of ``record``, whose status is known."""

    record: Record
    status: str


class Fail(NamedTuple):
    """Give up with this error."""

    error: FabmlError


Step: TypeAlias = Ask | LookUp | Adopt | Wait | End | LeaveBehind | Open | Post | Resume | Fail
