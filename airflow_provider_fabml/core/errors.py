"""Errors by what the caller should do: mend the call, wait and try again, or stop."""

from __future__ import annotations

import re

from airflow_provider_fabml.core.retry_advice import UNKNOWN, RetryAdvice

_SHOWN = 200
# What callers write by mistake where a value is shown: a SAS signature, an account key, a password
# before a host. The rules that know a field to be secret pass a description of the value instead.
_SIGNATURE = re.compile(r"(?i)\b(sig|AccountKey|SharedAccessSignature)=[^&;\s'\"]+")
_PASSWORD = re.compile(r"(://[^/:@?#\s'\"]*):[^/@\s'\"]+@")
_TOKEN = re.compile(r"\beyJ[\w-]{10,}(?:\.[\w-]+){0,2}")


def without_secrets(text: str) -> str:
    """The text without secrets that have a known form: signatures, keys, passwords in URLs, tokens."""
    return _TOKEN.sub("***", _PASSWORD.sub(r"\1:***@", _SIGNATURE.sub(r"\1=***", text)))


def _shown(value: object) -> str:
    """The value as a message shows it: at most 200 characters, and no secret that has a known form."""
    text = without_secrets(repr(value))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


class FabmlError(Exception):
    """Something went wrong and there is something to do about it.

    :param what: what happened and why, one or two sentences.
    :param remedy: what to try next.
    :param url: where to look (the studio link of a job, a documentation page).

    ``advice`` says whether another try of the task can help.
    """

    advice: RetryAdvice = UNKNOWN

    def __init__(self, what: str, *, remedy: str | None = None, url: str | None = None) -> None:
        self.what, self.remedy, self.url = what, remedy, url
        parts = [what]
        if remedy:
            parts.append(f"Remedy: {remedy}")
        if url:
            parts.append(f"See: {url}")
        super().__init__("\n".join(parts))


class UsageError(FabmlError, ValueError):
    """The call itself is wrong; nothing was sent. Retrying the same call cannot help.

    :param rule: stable name of the one rule that refused the value, e.g. ``datastore-uri-paths``.
    :param field: where the value stands, as the caller wrote it, e.g. ``inputs['heart'].uri``.
    :param value: the refused value. Never a secret: pass a description of it instead.
    :param reason: why it cannot work.
    :param remedy: what to write instead.
    """

    advice = RetryAdvice(again=False, why="the call is wrong")

    def __init__(self, *, rule: str, field: str, value: object, reason: str, remedy: str) -> None:
        self.rule, self.field, self.value, self.reason = rule, field, value, reason
        super().__init__(f"{field} = {_shown(value)}: {reason}", remedy=remedy)


class PermanentError(FabmlError):
    """Refused, and refused again until something outside changes (400, 401, 403, 404)."""

    advice = RetryAdvice(again=False, why="refused until something is mended")

    def __init__(
        self,
        what: str,
        *,
        status: int | None = None,
        remedy: str | None = None,
        url: str | None = None,
    ) -> None:
        self.status = status
        super().__init__(what, remedy=remedy, url=url)


class TransientError(FabmlError):
    """The same request may succeed later (429, 5xx, no connection).

    :param retry_after: seconds the service asked to wait, if it did.
    """

    def __init__(
        self,
        what: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        remedy: str | None = None,
    ) -> None:
        self.status, self.retry_after = status, retry_after
        self.advice = RetryAdvice(again=True, delay=retry_after, why="it may pass").bounded()
        super().__init__(what, remedy=remedy)


class NotSentError(TransientError):
    """No connection was made, so the service has not seen the request."""


class AnswerLostError(TransientError):
    """The request was sent and its outcome is unknown. A job-creating one may have made a job (D1)."""


class JobNotCompletedError(FabmlError):
    """A batch job ended Failed or Canceled. Another attempt is another job.

    :param advice: whether another job can end better, as far as the reason tells.
    """

    def __init__(
        self,
        what: str,
        *,
        remedy: str | None = None,
        url: str | None = None,
        advice: RetryAdvice = UNKNOWN,
    ) -> None:
        self.advice = advice
        super().__init__(what, remedy=remedy, url=url)


class OutputNotUsableError(FabmlError):
    """A job completed and its output is missing, empty or older than the job."""


class OutOfTimeError(FabmlError):
    """The caller's own deadline passed while a job was running."""


class TakenOverError(FabmlError):
    """Another try of the same task goes on in this one's place."""


class SupersededError(FabmlError):
    """Another run scores a partition, or has scored it, in this one's place."""
