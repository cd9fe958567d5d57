"""Real azure-identity credentials from a `CredentialSpec`; azure-identity caches their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow_provider_fabml.clients.quiet import quiet_azure_loggers
from airflow_provider_fabml.core.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from azure.core.credentials import TokenCredential
    from azure.core.credentials_async import AsyncTokenCredential

    from airflow_provider_fabml.core.connections.credential import CredentialSpec


def make_credential(
    spec: CredentialSpec,
    *,
    ca_bundle: str | None = None,
    proxies: Mapping[str, str] | None = None,
) -> TokenCredential:
    """Make a credential for blocking clients; whoever makes it closes it.

    :param ca_bundle: path of the CA certificates that the issuer is checked against.
    :param proxies: ``{"https": "http://proxy:8080"}``.
    :raises PermanentError: if a certificate cannot be read or the environment lacks a value.
    """
    import azure.identity

    quiet_azure_loggers()

    return cast("TokenCredential", _make(azure.identity, spec, ca_bundle, proxies))


def make_async_credential(
    spec: CredentialSpec,
    *,
    ca_bundle: str | None = None,
    proxies: Mapping[str, str] | None = None,
) -> AsyncTokenCredential:
    """Make the same credential for asyncio; the client does not close it, its maker does.

    :raises PermanentError: if a certificate cannot be read or the environment lacks a value.
    """
    import azure.identity.aio

    quiet_azure_loggers()

    return cast("AsyncTokenCredential", _make(azure.identity.aio, spec, ca_bundle, proxies))


def _make(
    module: ModuleType,
    spec: CredentialSpec,
    ca_bundle: str | None,
    proxies: Mapping[str, str] | None,
) -> object:
    name, arguments = _arguments(spec)
    if ca_bundle:
        arguments["connection_verify"] = ca_bundle
    if proxies:
        arguments["proxies"] = dict(proxies)
    try:
        return getattr(module, name)(**arguments)
    except (ValueError, OSError) as error:
        # Not the error's own text: it may quote certificate data.
        what = f"The credential for auth={spec.kind} could not be made ({type(error).__name__})."
        raise PermanentError(what, remedy=_REMEDIES.get(spec.kind)) from None


_REMEDIES = {
    "service_principal_certificate": "Check that the certificate file exists here, holds the "
    "private key as well, and that certificate_password fits.",
    "workload_identity": "Give tenant_id, client_id and token_file, or run where AZURE_TENANT_ID, "
    "AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE are set.",
    "default": "Check AZURE_AUTHORITY_HOST and the other AZURE_* variables here.",
}


def _arguments(spec: CredentialSpec) -> tuple[str, dict[str, Any]]:
    """Give the class's name, equal in azure.identity and azure.identity.aio, and its keywords."""
    issuer: dict[str, Any] = {}
    if spec.authority_host:
        issuer["authority"] = spec.authority_host
    if spec.disable_instance_discovery:
        issuer["disable_instance_discovery"] = True
    match spec.kind:
        case "service_principal":
            return "ClientSecretCredential", {
                **_who(spec),
                "client_secret": spec.client_secret,
            } | issuer
        case "service_principal_certificate":
            return "CertificateCredential", _who(spec) | _certificate(spec) | issuer
        case "managed_identity":
            return "ManagedIdentityCredential", {"client_id": spec.client_id}
        case "workload_identity":
            # An absent value is left out, so that azure-identity reads it from the environment.
            known = {**_who(spec), "token_file_path": spec.token_file}
            return "WorkloadIdentityCredential", _present(known) | issuer
        case _:
            known = {
                "managed_identity_client_id": spec.client_id,
                "workload_identity_client_id": spec.client_id,
                "workload_identity_tenant_id": spec.tenant_id,
            }
            return "DefaultAzureCredential", _present(known) | issuer


def _who(spec: CredentialSpec) -> dict[str, Any]:
    return {"tenant_id": spec.tenant_id, "client_id": spec.client_id}


def _certificate(spec: CredentialSpec) -> dict[str, Any]:
    data = spec.certificate_data
    return _present(
        {
            "certificate_path": spec.certificate_path,
            "certificate_data": data.encode() if data else None,
            "password": spec.certificate_password,
        }
    )


def _present(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}
