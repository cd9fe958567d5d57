"""What an answer of Azure means for the caller: carry on, wait and repeat, or stop (D13)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.core.jobs.failure_causes import cause_of
from airflow_provider_fabml.core.retry_advice import LONGEST_DELAY

if TYPE_CHECKING:
    from airflow_provider_fabml.core.service.http import Response

# 499: a gateway in front of the service gave up. 501 and 505 say "never".
_TRANSIENT = frozenset({408, 425, 429, 499, *range(500, 600)}) - {501, 505}
_REMEDIES = {
    400: "read the message: the service says which value it refused",
    401: "check the connection's identity (tenant, client id, secret or certificate, its expiry) and "
    "that it belongs to this cloud",
    403: "give the identity the role 'AzureML Data Scientist' on the workspace (batchEndpoints/read, "
    "batchEndpoints/deployments/jobs/write, jobs/read)",
    404: "check the name, and subscription, resource group and workspace of the connection",
}


def expect(response: Response, what: str, *allowed: int) -> Any:
    """The body of a good answer.

    ``what`` completes the sentence "… was refused", e.g. ``reading endpoint 'heart'``. Raises
    ``TransientError`` or ``PermanentError``.
    """
    if response.status in (allowed or (200,)):
        return response.body
    message = f"{what}: HTTP {response.status}, {error_text(response.body)}"
    if response.status in _TRANSIENT:
        raise TransientError(
            message, status=response.status, retry_after=retry_after(response.headers)
        )
    raise PermanentError(message, status=response.status, remedy=_remedy(response))


def _remedy(response: Response) -> str | None:
    """What helps against a refusal: by its words where they tell the cause, else by its status."""
    cause = cause_of(error_text(response.body))
    return cause.remedy if cause else _REMEDIES.get(response.status)


def expect_object(response: Response, what: str, *allowed: int) -> dict[str, Any]:
    """The JSON object of a good answer (see ``expect``).

    A proxy's page with status 200 is no answer of the service: ``TransientError``.
    """
    body = expect(response, what, *allowed)
    if not isinstance(body, Mapping):
        raise TransientError(
            f"{what}: HTTP {response.status} without a JSON object", status=response.status
        )
    return dict(body)


def error_text(body: Any) -> str:
    """The reason in an error body.

    Azure Resource Manager and the data plane wrap it in ``{"error": {"code", "message"}}``
    (recording ``batch_endpoint_put_get404_2023-12``); denials of the data plane are plain text, and
    Fabric writes ``errorCode`` ("Fabric API troubleshooting").
    """
    if isinstance(body, Mapping):
        error = body.get("error", body)
        if isinstance(error, Mapping):
            code, message = error.get("code") or error.get("errorCode"), error.get("message")
            text = ": ".join(str(part) for part in (code, message) if part)
            return text or "no reason given"
    text = str(body).strip() if body else ""
    return text[:1000] or "no reason given"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the service asks to wait, at most ``LONGEST_DELAY``; header names are lower case.

    ``Retry-After`` holds seconds or a date (RFC 9110, 10.2.3), which is read against the answer's own
    ``Date``, so that our clock does not matter; Azure's older ``…-ms`` headers hold milliseconds.
    """
    for name, scale in (
        ("retry-after", 1.0),
        ("retry-after-ms", 0.001),
        ("x-ms-retry-after-ms", 0.001),
    ):
        seconds = _seconds(headers.get(name, "").strip(), headers.get("date", ""))
        if seconds is not None:
            return min(max(0.0, seconds * scale), LONGEST_DELAY)
    return None


def _seconds(value: str, sent: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        until, since = _date(value), _date(sent)
        return (until - since).total_seconds() if until and since else None
    return seconds if math.isfinite(seconds) else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
