"""Who may call what: the bearer token by plane, then the principal's actions."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import jwt

from airflow_provider_fabml.emulator.errors import (
    PlainDenialError,
    ServiceError,
    claims_needed,
    forbidden,
)
from airflow_provider_fabml.emulator.fabric import insufficient, token_refused
from airflow_provider_fabml.emulator.tokens import (
    ARM_AUDIENCE,
    FABRIC_AUDIENCE,
    ML_AUDIENCE,
    TokenRevokedError,
)

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.exchange import Plane
    from airflow_provider_fabml.emulator.tokens import Issuer
    from airflow_provider_fabml.emulator.workspace import Principal

_ARM = (ARM_AUDIENCE, ARM_AUDIENCE + "/", "https://management.core.windows.net/")
_ML = (ML_AUDIENCE, ML_AUDIENCE + "/")
PLANE_AUDIENCES: dict[Plane, tuple[str, ...]] = {
    "arm": _ARM,
    "data": _ML,
    "history": _ARM + _ML,
    "fabric": (FABRIC_AUDIENCE, FABRIC_AUDIENCE + "/"),
}
"""Run history takes both: the SDK sends ARM's token, the published swagger names the other."""


_FABRIC_CODES = {"ExpiredAuthenticationToken": "TokenExpired"}


def authorize(
    authorization: str, plane: Plane, action: str, issuer: Issuer, scope: str
) -> Principal:
    """Return the caller; raise the plane's own refusal (401 or 403) otherwise."""
    principal = _authenticated(authorization, plane, issuer)
    if not allowed(principal, action):
        if plane == "data":
            raise PlainDenialError(403)
        if plane == "fabric":
            raise insufficient()
        raise forbidden(principal.client_id, principal.object_id, action, scope)
    return principal


def allowed(principal: Principal, action: str) -> bool:
    """Return whether one of the principal's actions covers ``action`` and none takes it back.

    Actions are compared without case, with ``*``, as Azure role definitions are.
    """

    def covers(patterns: list[str]) -> bool:
        return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)

    return covers(principal.actions) and not covers(principal.not_actions)


def _authenticated(authorization: str, plane: Plane, issuer: Issuer) -> Principal:
    scheme, _, token = authorization.partition(" ")
    bearer = token if scheme.lower() == "bearer" else ""
    try:
        claims = issuer.verify(bearer, PLANE_AUDIENCES[plane])
    except jwt.InvalidTokenError as error:
        if isinstance(error, TokenRevokedError) and issuer.challenges:
            raise claims_needed(issuer.now()) from None
        raise _refusal(plane, authorization, error) from None
    known = {principal.client_id: principal for principal in issuer.workspace.principals}
    if claims["appid"] not in known:
        raise _refusal(plane, authorization, jwt.InvalidTokenError("unknown principal"))
    return known[claims["appid"]]


def _refusal(plane: Plane, authorization: str, error: jwt.InvalidTokenError) -> ServiceError:
    if plane == "data":
        return PlainDenialError(401)
    if not authorization:
        code, text = (
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        )
    elif isinstance(error, jwt.ExpiredSignatureError | TokenRevokedError):
        code, text = (
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time is earlier than current UTC time.",
        )
    elif isinstance(error, jwt.InvalidAudienceError):
        code = "InvalidAuthenticationTokenAudience"
        text = (
            "The access token has been obtained for wrong audience or resource. It should exactly "
            "match with one of the allowed audiences 'https://management.core.windows.net/', "
            "'https://management.azure.com', 'https://management.azure.com/'."
        )
    else:
        code, text = "InvalidAuthenticationToken", "The access token is invalid."
    if plane == "fabric":
        return token_refused(_FABRIC_CODES.get(code, "InvalidToken"), text)
    challenge = f'Bearer error="invalid_token", error_description="{text}"'
    return ServiceError(401, code, text, headers={"WWW-Authenticate": challenge})
