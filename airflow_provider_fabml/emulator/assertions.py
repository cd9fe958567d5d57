"""How a client proves who it is at the token endpoint: secret, certificate or federated token.

Source: Microsoft identity platform, "client credentials flow" and "workload identity
federation".
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from airflow_provider_fabml.emulator.tokens import TokenRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fabml.emulator.tokens import Issuer
    from airflow_provider_fabml.emulator.workspace import Principal

_ASSERTION_ALGORITHMS = ["RS256", "PS256"]


def authenticate(form: Mapping[str, str], issuer: Issuer, token_url: str) -> Principal:
    """Return the principal that the token request proves; raise ``TokenRefusedError``."""
    client_id = form.get("client_id", "")
    principal = next((p for p in issuer.workspace.principals if p.client_id == client_id), None)
    if principal is None:
        raise TokenRefusedError(
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{client_id}' was not found in the directory.",
        )
    if "client_assertion" in form:
        _check_assertion(form["client_assertion"], principal, issuer, token_url)
    else:
        _check_secret(form.get("client_secret", ""), principal)
    return principal


def _check_secret(secret: str, principal: Principal) -> None:
    expected = principal.secret or ""
    if not expected or not hmac.compare_digest(secret.encode(), expected.encode()):
        raise TokenRefusedError(
            401,
            "invalid_client",
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the "
            "client secret value, not the client secret ID, for a secret added to app "
            f"'{principal.client_id}'.",
        )


def _check_assertion(assertion: str, principal: Principal, issuer: Issuer, token_url: str) -> None:
    try:
        header = jwt.get_unverified_header(assertion)
        if "x5t" in header or "x5t#S256" in header:
            _check_certificate(assertion, header, principal, token_url)
        else:
            _check_federated(assertion, principal, issuer)
    except jwt.InvalidTokenError as error:
        raise TokenRefusedError(
            401, "invalid_client", 700027, f"The client assertion is not valid: {error}"
        ) from None


def _thumbprints(certificate: x509.Certificate) -> set[str]:
    der = certificate.public_bytes(serialization.Encoding.DER)
    digests = (hashlib.sha1(der, usedforsecurity=False).digest(), hashlib.sha256(der).digest())
    return {urlsafe_b64encode(digest).rstrip(b"=").decode() for digest in digests}


def _check_certificate(
    assertion: str, header: Mapping[str, Any], principal: Principal, token_url: str
) -> None:
    named = {str(header.get(key, "")).rstrip("=") for key in ("x5t", "x5t#S256")} - {""}
    for path in principal.certificate_files:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        if named & _thumbprints(certificate):
            jwt.decode(
                assertion,
                certificate.public_key(),  # type: ignore[arg-type]
                algorithms=_ASSERTION_ALGORITHMS,
                audience=token_url,
                issuer=principal.client_id,
            )
            return
    raise jwt.InvalidTokenError("no registered certificate has its thumbprint")


def _check_federated(assertion: str, principal: Principal, issuer: Issuer) -> None:
    claims = jwt.decode(assertion, options={"verify_signature": False})
    for known in principal.federated_credentials:
        if (claims.get("iss"), claims.get("sub")) == (known.issuer, known.subject):
            key: Any = issuer.key.public_key()
            if known.public_key_file is not None:
                key = serialization.load_pem_public_key(known.public_key_file.read_bytes())
            jwt.decode(
                assertion, key, algorithms=["RS256"], audience=known.audience, issuer=known.issuer
            )
            return
    raise jwt.InvalidTokenError("no federated credential matches its issuer and subject")
