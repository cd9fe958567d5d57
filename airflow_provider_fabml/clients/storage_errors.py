"""Storage errors by what to do about them, decided by error code: statuses differ by server.

Codes: learn.microsoft.com "Blob Storage error codes". A token for the wrong audience is 403 on
Azurite and 401 on Azure; both mean the identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.clients.transport_errors import asked_delay, issuer_status
from airflow_provider_fabml.core.errors import FabmlError, PermanentError, TransientError

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

    from airflow_provider_fabml.core.storage.location import Location

BLOB_ROLES = (
    "Give the identity the role Storage Blob Data Reader on the container (to write: Storage Blob "
    "Data Contributor), in OneLake a workspace role; new assignments take minutes. A SAS needs the "
    "permissions read and list."
)
QUEUE_ROLES = (
    "Give the identity the role Storage Queue Data Message Processor on the queue, and Storage Queue "
    "Data Message Sender on its poison queue, which must be there already; new assignments take "
    "minutes. A SAS needs the permissions read, add, update and process, and create for the poison "
    "queue."
)
_LOGIN = "Check the connection's auth fields: key, SAS (expired? lacks list permission?), identity."
_REMEDIES = {
    "AuthorizationPermissionMismatch": BLOB_ROLES,
    "InsufficientAccountPermissions": BLOB_ROLES,
    "AuthorizationFailure": f"{BLOB_ROLES} The account's firewall answers in the same way. {_LOGIN}",
    "AuthenticationFailed": _LOGIN,
    "InvalidAuthenticationInfo": _LOGIN,
    "NoAuthenticationInformation": _LOGIN,
    "PublicAccessNotPermitted": _LOGIN,
    "KeyBasedAuthenticationNotPermitted": "The account forbids keys: use an identity (auth).",
    "AuthorizationProtocolMismatch": "The SAS allows https only: use https in the host.",
    "AuthorizationSourceIPMismatch": "The SAS allows other addresses than this worker's.",
    "AuthorizationResourceTypeMismatch": "The SAS lacks the resource types container and object.",
    "AuthorizationServiceMismatch": "The SAS is not for this service (blob, or queue).",
    "ContainerNotFound": "Create the container, or correct its name in the path or the mapping.",
    "ContainerBeingDeleted": "Wait until the container is gone, and create it again.",
    "QueueNotFound": "Create the queue and let an Event Grid subscription fill it, or correct "
    "storage_queue.",
    "QueueBeingDeleted": "Wait until the queue is gone, and create it again.",
    "AccountIsDisabled": "Enable the storage account.",
}
_ALWAYS_TRANSIENT = {408, 425, 429}


def storage_error(error: AzureError, location: Location, *, roles: str = BLOB_ROLES) -> FabmlError:
    """Say which of ours an SDK error is. Its own text stays out: it quotes requests.

    :param roles: the remedy where the identity lacks permission.

    400 to 404 are permanent, 408, 429, 5xx and a lost connection pass.
    """
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )

    if isinstance(error, ClientAuthenticationError) and not getattr(error, "error_code", None):
        # azure-identity 1.27 wraps a lost connection to the issuer into a refusal.
        if isinstance(error.__cause__, ServiceRequestError | ServiceResponseError):
            return _connection_error(error.__cause__, "The token issuer")
        return _identity_error(error, location)
    if isinstance(error, HttpResponseError):
        return _http_error(error, location, roles)
    return _connection_error(error, location.endpoint)


def _connection_error(error: Exception, where: str) -> FabmlError:
    """Tell a certificate that is not trusted, which stays so, from a connection that failed."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return PermanentError(
            f"The certificate of {where} is not trusted here.",
            remedy="Write the path of its CA certificates into the connection's ca_bundle.",
        )
    what = f"{where} could not be reached ({type(error).__name__})."
    return TransientError(what, remedy="Check host name, proxy and firewall if this lasts.")


def _http_error(error: object, location: Location, roles: str) -> FabmlError:
    status = getattr(error, "status_code", None)
    code = getattr(error, "error_code", None)
    code = str(getattr(code, "value", code) or "no error code")
    what = f"Storage answered {status} {code} for {location.url}."
    if status is None or status in _ALWAYS_TRANSIENT or status >= 500:
        return TransientError(what, status=status, retry_after=asked_delay(error))
    by_status = {401: _LOGIN, 403: f"{BLOB_ROLES} {_LOGIN}"}
    remedy = _REMEDIES.get(code) or by_status.get(status)
    remedy = remedy and remedy.replace(BLOB_ROLES, roles)
    return PermanentError(what, status=status, remedy=remedy)


def _identity_error(error: AzureError, location: Location) -> FabmlError:
    """Read a refusal of the token issuer, or of a chain that found no identity."""
    status = issuer_status(error)
    if status in _ALWAYS_TRANSIENT or (status or 0) >= 500:
        return TransientError(
            f"The token issuer answered with an error (HTTP {status}).",
            status=status,
            retry_after=asked_delay(error),
        )
    code = next((word for word in str(error).split() if word.startswith("AADSTS")), "")
    detail = f" ({code.rstrip(':.,')})" if code else f" ({type(error).__name__})"
    return PermanentError(
        f"No token for {location.endpoint}: the identity was refused or not found{detail}.",
        status=401,
        remedy="Check tenant, client id, secret or certificate in the connection; with "
        "auth=default, which identity this machine has.",
    )
