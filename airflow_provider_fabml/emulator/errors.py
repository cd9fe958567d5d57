"""Refusals in the shapes the service uses.

ARM bodies come from the recording ``batch_endpoint_put_get404_2023-12``; the data plane denies
with plain text (azure-sdk-for-python issues); authorization texts are ARM's documented ones.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "Microsoft.MachineLearningServices"
DENIED_BY_POLICY = (
    "Microsoft Entra Token denied by policy, please review "
    "https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-batch-endpoint"
)


CLAIMS_NEEDED = (
    "InvalidAuthenticationToken",
    "Continuous access evaluation: the token is refused.",
)
"""Code and message of a claims challenge (texts are ours)."""


class ServiceError(Exception):
    """An answer other than success.

    ``inner`` is the chain of inner error codes, outermost first; None leaves out everything but
    code and message, as Azure Resource Manager's own refusals do.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        inner: tuple[str, ...] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.inner, self.headers = inner, dict(headers or {})

    def body(self, *, location: str, time: str) -> Any:
        """Return the JSON body; ``time`` is the service's timestamp text."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.inner is not None:
            error |= {"details": [], "additionalInfo": _additional(self.inner, location, time)}
        return {"error": error}


class PlainDenialError(ServiceError):
    """The data plane's denial: text, not JSON."""

    def __init__(self, status: int) -> None:
        super().__init__(status, "Denied", DENIED_BY_POLICY)


def _additional(inner: tuple[str, ...], location: str, time: str) -> list[dict[str, Any]]:
    correlation = {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]}
    chain: dict[str, Any] | None = None
    for code in reversed(inner):
        chain = {"code": code, "innerError": chain}
    values: dict[str, Any] = {
        "ComponentName": "managementfrontend",
        "Correlation": correlation,
        "Environment": location,
        "Location": location,
        "Time": time,
        "InnerError": chain,
    }
    return [{"type": name, "info": {"value": value}} for name, value in values.items()]


def user_error(status: int, message: str, *inner: str) -> ServiceError:
    """Return the management front end's refusal of a bad request."""
    return ServiceError(status, "UserError", message, inner=inner)


def endpoint_missing(endpoint: str, workspace: str) -> ServiceError:
    """Return the recorded 404 of an endpoint."""
    return user_error(
        404,
        f"An endpoint with the name '{endpoint}' does not exist in the workspace '{workspace}'. "
        "Please check the endpoint name and also ensure the current user has access to it.",
        "NotFound",
        "EndpointNotFound",
    )


def deployment_missing(deployment: str, endpoint: str) -> ServiceError:
    """Return the 404 of a deployment (shape of the endpoint's; text not recorded)."""
    return user_error(
        404,
        f"A deployment with the name '{deployment}' does not exist in the endpoint '{endpoint}'. "
        "Please check the deployment name and also ensure the current user has access to it.",
        "NotFound",
        "DeploymentNotFound",
    )


def job_missing(job: str) -> ServiceError:
    """Return the 404 of a job (text not recorded)."""
    return user_error(404, f"Could not find job '{job}'.", "NotFound", "JobNotFound")


def invalid_job(errors: list[dict[str, Any]]) -> ServiceError:
    """Return the 400 of a job request that breaks a rule (azure-docs issue 118447)."""
    text = (
        "The Job request provided has the following validation errors. "
        f"Please resolve them and try again.\nErrors:\n{json.dumps(errors, separators=(',', ':'))}"
    )
    return user_error(400, text, "BadArgument", "JobRequestValidationError")


def rule_broken(field: str, message: str, attempted: Any) -> dict[str, Any]:
    """Return one entry of ``invalid_job``."""
    return {
        "PropertyName": field,
        "ErrorMessage": message,
        "AttemptedValue": attempted,
        "ErrorCode": "PredicateValidator",
    }


def claims_challenge(now: float) -> str:
    """Return ``WWW-Authenticate`` of a claims challenge; only tokens younger than ``now`` will do.

    Form: Microsoft's page on claims challenges ("claims-challenge", identity platform).
    """
    claims = {"access_token": {"nbf": {"essential": True, "value": str(int(now))}}}
    text = base64.b64encode(json.dumps(claims).encode()).decode()
    return (
        'Bearer realm="", '
        'authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        f'error="insufficient_claims", claims="{text}"'
    )


def claims_needed(now: float) -> ServiceError:
    """Return the 401 that asks for a new token with claims."""
    return ServiceError(401, *CLAIMS_NEEDED, headers={"WWW-Authenticate": claims_challenge(now)})


def forbidden(principal: str, object_id: str, action: str, scope: str) -> ServiceError:
    """Return Azure Resource Manager's documented refusal of an action."""
    return ServiceError(
        403,
        "AuthorizationFailed",
        f"The client '{principal}' with object id '{object_id}' does not have authorization to "
        f"perform action '{PROVIDER}/workspaces/{action}' over scope '{scope}' or the scope is "
        "invalid. If access was recently granted, please refresh your credentials.",
    )
