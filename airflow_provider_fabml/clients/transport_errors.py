"""What azure-core raises, said in our terms: not sent, answer lost, refused."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.errors import (
    AnswerLostError,
    FabmlError,
    NotSentError,
    PermanentError,
)
from airflow_provider_fabml.core.service.answers import retry_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.exceptions import AzureError

# Names rather than classes: requests, urllib3 and aiohttp are the transports' own business.
# azure-core's ServiceRequestError alone proves nothing: aiohttp's "server disconnected" is one too.
_NEVER_CONNECTED = frozenset(
    {
        "NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ConnectTimeout",
        "ConnectionTimeoutError", "ClientConnectorError", "ClientConnectorDNSError", "ProxyError",
    }
)  # fmt: skip

_OBJECT = re.compile(r"<[^<>]* at 0x[0-9a-f]+>:? ?")
_MSAL_STATUS = re.compile(r"HTTP Error: (\d{3})\b")  # msal 1.34 throttled_http_client
# "Microsoft Entra authentication and authorization error codes": retryable server error, request budget,
# directory unavailable, tenant throttled. azure-identity 1.27 keeps no status of answers with a JSON body.
_BUSY = re.compile(r"AADSTS(?:90006|90024|90033|90055)\b|temporarily_unavailable")
_UNSENT = "no token from Microsoft Entra ID"


def translate(error: AzureError, what: str) -> FabmlError:
    """Our error for a failed exchange; ``what`` names the request without its query."""
    if untrusted_certificate(error):
        return _untrusted(what)
    if any(type(cause).__name__ in _NEVER_CONNECTED for cause in _causes(error)):
        return NotSentError(f"{what}: no connection ({_brief(error)})")
    return AnswerLostError(f"{what}: the connection broke before an answer came ({_brief(error)})")


def translate_token_error(error: AzureError) -> FabmlError:
    """Our error for a request that was not sent because there was no token for it.

    Entra's own trouble (no connection, 429, 5xx) passes; a wrong secret does not.
    """
    from azure.core import exceptions

    if untrusted_certificate(error):
        return _untrusted(_UNSENT)
    text = f"{_UNSENT}: {_brief(error)}"
    status, refused = issuer_status(error), isinstance(error, exceptions.ClientAuthenticationError)
    # azure-identity wraps what the network did into an authentication error of its own.
    broken = (exceptions.ServiceRequestError, exceptions.ServiceResponseError)
    if not refused or any(isinstance(cause, broken) for cause in _causes(error)):
        return NotSentError(text)
    if status is not None and (status == 429 or status >= 500):
        return NotSentError(text, status=status, retry_after=asked_delay(error))
    return PermanentError(
        text,
        status=status,
        remedy="check the connection's tenant, client id and secret or certificate, and their expiry",
    )


@contextmanager
def readable_token() -> Iterator[None]:
    """Inside this block an answer that is no JSON of the issuer's, a proxy's page say, is none.

    azure-identity 1.27 stumbles over it with an error of Python's own.
    """
    try:
        yield
    except (TypeError, KeyError, ValueError) as error:
        raise NotSentError(f"{_UNSENT}: its answer cannot be read ({error!r})") from error


def issuer_status(error: BaseException) -> int | None:
    """The issuer's HTTP status; msal tells it in the text of an error only, or not at all (429)."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    told = _MSAL_STATUS.search(str(error))
    if told:
        return int(told.group(1))
    return 429 if status is None and _BUSY.search(str(error)) else status


def asked_delay(error: object) -> float | None:
    """Seconds that the answer behind azure-core's error asks to wait (``Retry-After``)."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    return retry_after({str(name).casefold(): str(value) for name, value in headers.items()})


def untrusted_certificate(error: BaseException) -> bool:
    """Whether the error comes from a TLS certificate that no trusted authority signed."""
    return any("CERTIFICATE_VERIFY_FAILED" in str(cause) for cause in _causes(error))


def _untrusted(what: str) -> PermanentError:
    return PermanentError(
        f"{what}: the server's certificate is not signed by a trusted authority",
        remedy="name your authority's certificates in the connection's ca_bundle",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it wraps: azure-core's ``inner_exception``, urllib3's ``reason``."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        linked = [current.__cause__, getattr(current, "inner_exception", None)]
        linked += [getattr(current, "reason", None), *current.args]
        waiting.extend(one for one in linked if isinstance(one, BaseException))


def _brief(error: BaseException) -> str:
    """The operating system's own words where there are some, else the error's first line."""
    system = [one for one in _causes(error) if isinstance(one, OSError) and one.strerror]
    words = [line for line in str(error).strip().splitlines() if line.strip()]
    text = str(system[-1]) if system else (words or [type(error).__name__])[0]
    return _OBJECT.sub("", text)[:300]
