"""The token issuer: mints and verifies the JWTs of every plane.

Claims follow Entra's v1 access tokens (``iss`` https://sts.windows.net/{tenant}/), which is also
what Azurite's OAuth expects of a storage token.
"""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.emulator.workspace import FederatedCredential, Principal, Workspace

ARM_AUDIENCE = "https://management.azure.com"
ML_AUDIENCE = "https://ml.azure.com"
STORAGE_AUDIENCE = "https://storage.azure.com"
FABRIC_AUDIENCE = "https://api.fabric.microsoft.com"
AUDIENCES = {
    "https://management.azure.com": ARM_AUDIENCE,
    "https://management.core.windows.net": ARM_AUDIENCE,
    "https://ml.azure.com": ML_AUDIENCE,
    "https://storage.azure.com": STORAGE_AUDIENCE,
    FABRIC_AUDIENCE: FABRIC_AUDIENCE,
}


class TokenRefusedError(Exception):
    """Entra's refusal to issue a token: HTTP status, OAuth error, AADSTS number, text."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(f"AADSTS{number}: {text}")
        self.status, self.error, self.number = status, error, number

    def body(self) -> dict[str, Any]:
        """Return the JSON body Entra answers with."""
        return {
            "error": self.error,
            "error_description": str(self),
            "error_codes": [self.number],
            "timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        }


class TokenRevokedError(jwt.InvalidTokenError):
    """A token that was good until it was revoked."""


def audience_of(scope: str) -> str:
    """Return the audience of a scope (``…/.default``) or resource; refuse unknown ones."""
    bare = scope.removesuffix("/.default").rstrip("/")
    if bare not in AUDIENCES:
        raise TokenRefusedError(
            400, "invalid_resource", 500011, f"The resource principal named {bare} was not found."
        )
    return AUDIENCES[bare]


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Issuer:
    """Signs tokens with a key of its own, made at start."""

    workspace: Workspace
    now: Callable[[], float] = time.time
    lifetime: int = 0
    """Seconds a token lives; 0 stands for the workspace's own value."""
    generation: int = 0
    """Tokens of an earlier generation were revoked."""
    challenges: bool = True
    """Whether revoked tokens meet a claims challenge; else they look expired."""
    key: rsa.RSAPrivateKey = field(default_factory=_new_key, repr=False)

    def mint(self, principal: Principal, audience: str, *, lifetime: int | None = None) -> str:
        """Return a token for ``audience``; a negative lifetime makes an expired one."""
        now = int(self.now())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.workspace.tenant_id}/",
            "iat": now,
            "nbf": now - 300 if (lifetime or 0) >= 0 else now - 7200,
            "exp": now + (self.seconds if lifetime is None else lifetime),
            "appid": principal.client_id,
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": self.workspace.tenant_id,
            "idtyp": "app",
            "ver": "1.0",
            "uti": f"{secrets.token_urlsafe(12)}.{self.generation}",
        }
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "emulator"})

    def revoke(self, *, challenge: bool = True) -> None:
        """Refuse every token issued so far, whatever its ``exp``."""
        self.generation, self.challenges = self.generation + 1, challenge

    @property
    def seconds(self) -> int:
        """Return how long a token lives."""
        return self.lifetime or self.workspace.token_lifetime_seconds

    def federated(self, credential: FederatedCredential) -> str:
        """Return an outside token for ``credential``, signed with the emulator's own key."""
        now = int(self.now())
        claims = {
            "iss": credential.issuer,
            "sub": credential.subject,
            "aud": credential.audience,
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode(claims, self.key, algorithm="RS256")

    def verify(self, token: str, audiences: tuple[str, ...]) -> dict[str, Any]:
        """Return the claims of a genuine, unexpired token for one of ``audiences``.

        Raises the matching ``jwt.InvalidTokenError`` otherwise.
        """
        claims: dict[str, Any] = jwt.decode(
            token,
            self.key.public_key(),
            algorithms=["RS256"],
            audience=list(audiences),
            issuer=f"https://sts.windows.net/{self.workspace.tenant_id}/",
            options={"require": ["exp", "iat", "nbf", "aud", "iss", "appid"], "verify_exp": False},
        )
        if claims["exp"] <= self.now():
            raise jwt.ExpiredSignatureError("the token has expired")
        if int(claims["uti"].rpartition(".")[2]) < self.generation:
            raise TokenRevokedError("the token was revoked")
        return claims
