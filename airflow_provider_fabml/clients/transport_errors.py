"""What azure-core raises, said in our terms: not sent, answer lost, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.core.errors import (
    AnswerLostError,
    FabmlError,
    NotSentError,
    PermanentError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.exceptions import AzureError, ClientAuthenticationError

# Names rather than classes: requests, urllib3 and aiohttp are the transports' own business.
# azure-core's ServiceRequestError alone proves nothing: aiohttp's "server disconnected" is one too.
_NEVER_CONNECTED = frozenset(
    {
        "NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ConnectTimeout",
        "ConnectionTimeoutError", "ClientConnectorError", "ClientConnectorDNSError", "ProxyError",
    }
)  # fmt: skip


def translate(error: AzureError, what: str) -> FabmlError:
    """Our error for a failed exchange; ``what`` names the request without its query."""
    from azure.core import exceptions

    if isinstance(error, exceptions.ClientAuthenticationError):
        return _authentication(error)
    causes = list(_causes(error))
    if any("CERTIFICATE_VERIFY_FAILED" in str(cause) for cause in causes):
        return PermanentError(
            f"{what}: the server's certificate is not signed by a trusted authority",
            remedy="name your authority's certificates in the connection's ca_bundle",
        )
    if any(type(cause).__name__ in _NEVER_CONNECTED for cause in causes):
        return NotSentError(f"{what}: no connection ({_brief(error)})")
    return AnswerLostError(f"{what}: the connection broke before an answer came ({_brief(error)})")


def _authentication(error: ClientAuthenticationError) -> FabmlError:
    """No token. Entra's own trouble (429, 5xx) passes; a wrong secret does not."""
    status = getattr(error.response, "status_code", None)
    text = f"no token from Microsoft Entra ID: {_brief(error)}"
    if status is not None and (status == 429 or status >= 500):
        return TransientError(text, status=status)
    return PermanentError(
        text,
        status=status,
        remedy="check the connection's tenant, client id and secret or certificate, and their expiry",
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
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
