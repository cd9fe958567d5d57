"""What a wait for data tells the next task, and how long it pauses between two looks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.core.errors import PermanentError
    from airflow_provider_fabml.core.storage.location import Location
    from airflow_provider_fabml.core.storage.seen import Verdict

# The XCom that shows in the UI why a waiting task is not ready.
VERDICT_XCOM_KEY = "onelake_verdict"


def may_be_waited_out(error: PermanentError, *, asked: bool) -> bool:
    """Whether a refusal may end by itself: the container is created, or the role assigned, later."""
    return asked and error.status in {403, 404}


def landing(location: Location, verdict: Verdict) -> dict[str, Any]:
    """Give place and facts as plain JSON, for an XCom; `newest` is ISO 8601 in UTC.

    `count` and `bytes` are None for a Delta table whose log does not tell them.
    """
    return {
        "uri": location.url,
        "datastore_uri": location.datastore_uri,
        "account": location.account,
        "container": location.container,
        "path": location.path,
        "count": verdict.count if verdict.counted else None,
        "bytes": verdict.bytes if verdict.counted else None,
        "newest": verdict.newest.isoformat() if verdict.newest else None,
        "digest": verdict.digest,
        "sample": list(verdict.sample),
        "delta_version": verdict.version,
    }


def timeout_text(url: str, timeout: float, reason: str | None) -> str:
    """Say what was waited for, how long (seconds), and why it was not ready."""
    return f"{url} is not ready after {timeout:g} s: {reason or 'storage was never looked at'}"


def verdict_text(reason: str, now: datetime) -> str:
    """Give a verdict for the UI, which keeps it: with the time at which it was true (UTC)."""
    return f"{now:%Y-%m-%d %H:%M:%S} UTC: {reason}"


def same_reason(one: str | None, other: str | None) -> bool:
    """Whether two reasons differ by nothing but the age of a file."""
    return _ageless(one) == _ageless(other)


def _ageless(reason: str | None) -> str | None:
    return reason and re.sub(r"\d+ s ago", "", reason)


def pause(
    poke_interval: float, *, jitter: float, left: float, retry_after: float | None = None
) -> float:
    """Give the seconds until the next look, which comes no later than the deadline.

    :param jitter: in [0, 1); spreads many waiters over a tenth of the interval either way.
    :param left: seconds until the deadline.
    :param retry_after: seconds the service asked to wait.
    """
    wait = max(poke_interval * (0.9 + 0.2 * jitter), retry_after or 0)
    return max(min(wait, left), 0)
