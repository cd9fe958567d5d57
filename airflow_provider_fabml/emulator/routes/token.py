"""The token issuer over HTTP: Entra's endpoints and the two managed-identity ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from airflow_provider_fabml.emulator.assertions import authenticate
from airflow_provider_fabml.emulator.exchange import Answer, Call, Handled
from airflow_provider_fabml.emulator.tokens import TokenRefusedError, audience_of

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.service import Service
    from airflow_provider_fabml.emulator.workspace import Principal

IDENTITY_HEADER = "emulator-identity-header"


def openid_configuration(call: Call) -> Answer:
    """``GET /{tenant}/v2.0/.well-known/openid-configuration``."""
    base = f"{call.service.base_url}/{call.path['tenant']}"
    body = {
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
    }
    return Answer(body)


def token(call: Call) -> Answer:
    """``POST /{tenant}/oauth2/v2.0/token``: client credentials by secret or assertion."""
    form = dict(parse_qsl(call.body.decode()))
    issuer = call.service.issuer
    token_url = f"{call.service.base_url}/{call.path['tenant']}/oauth2/v2.0/token"
    try:
        _check_tenant(call.service, call.path["tenant"])
        principal = authenticate(form, issuer, token_url)
        audience = audience_of(form.get("scope", "").split(" ")[0])
    except TokenRefusedError as refusal:
        return Answer(refusal.body(), status=refusal.status)
    seconds = issuer.seconds
    body = {
        "token_type": "Bearer",
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": issuer.mint(principal, audience),
    }
    return Answer(body)


def _check_tenant(service: Service, tenant: str) -> None:
    if tenant.lower() != service.workspace.tenant_id.lower():
        raise TokenRefusedError(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")


def imds(call: Call) -> Answer:
    """``GET /metadata/identity/oauth2/token`` (virtual machines): needs ``Metadata: true``."""
    if call.headers.get("metadata", "").lower() != "true":
        return Answer({"error": "invalid_request"}, status=400)
    return _managed(call)


def app_service(call: Call) -> Answer:
    """``GET /msi/token`` (App Service): needs the identity header."""
    if call.headers.get("x-identity-header") != IDENTITY_HEADER:
        return Answer({"error": "invalid_request"}, status=400)
    return _managed(call)


def _managed(call: Call) -> Answer:
    principal = _identity(call.service, call.query.get("client_id"))
    if principal is None or "resource" not in call.query:
        body = {"error": "invalid_request", "error_description": "Identity not found"}
        return Answer(body, status=400)
    try:
        audience = audience_of(call.query["resource"])
    except TokenRefusedError as refusal:
        return Answer(refusal.body(), status=refusal.status)
    issuer = call.service.issuer
    body = {
        "access_token": issuer.mint(principal, audience),
        "client_id": principal.client_id,
        "expires_in": str(issuer.seconds),
        "expires_on": str(int(time.time()) + issuer.seconds),
        "resource": call.query["resource"],
        "token_type": "Bearer",
    }
    return Answer(body)


def _identity(service: Service, client_id: str | None) -> Principal | None:
    """Return the system's identity, or the user-assigned one that was named."""
    for principal in service.workspace.principals:
        if client_id is None and principal.managed_identity == "system":
            return principal
        if principal.client_id == client_id and principal.managed_identity != "no":
            return principal
    return None


ROUTES = [
    Handled(
        "GET", "/{tenant}/v2.0/.well-known/openid-configuration", "open", "", openid_configuration
    ),
    Handled("POST", "/{tenant}/oauth2/v2.0/token", "open", "", token),
]
IDENTITY_ROUTES = [
    Handled("GET", "/metadata/identity/oauth2/token", "open", "", imds),
    Handled("GET", "/msi/token", "open", "", app_service),
]
"""Served on the second, plain-http port."""
