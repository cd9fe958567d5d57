"""Which identity a connection names, as a value; `clients.credentials` makes the credential."""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as _field
from textwrap import wrap
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_fabml.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = (
    "default",
    "service_principal",
    "service_principal_certificate",
    "managed_identity",
    "workload_identity",
)
_PRINCIPAL = "service_principal"
_WITH_CERTIFICATE = "service_principal_certificate"
_CERTIFICATE_FIELDS = ("certificate_path", "certificate_data")
# A GUID, or a verified domain such as contoso.onmicrosoft.com.
_PEM_BLOCK = re.compile(r"(-----BEGIN [A-Z0-9 ]+-----)(.*?)(-----END [A-Z0-9 ]+-----)", re.DOTALL)
_TENANT = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?(?:\.[0-9A-Za-z-]+)*")


@dataclass(frozen=True)
class CredentialSpec:
    """An identity of Microsoft Entra ID. Secrets are left out of its repr.

    :param kind: one of `KINDS`.
    :param client_id: the application's id; for `managed_identity` that of a user-assigned one.
    :param authority_host: https URL of the token issuer of a national cloud or an emulator.
    :param disable_instance_discovery: do not ask the public cloud whether the issuer is known.
    """

    kind: str = "default"
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = _field(default=None, repr=False)
    certificate_path: str | None = None
    certificate_data: str | None = _field(default=None, repr=False)
    certificate_password: str | None = _field(default=None, repr=False)
    token_file: str | None = None
    authority_host: str | None = None
    disable_instance_discovery: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must not be shown, for masking."""
        hidden = (self.client_secret, self.certificate_data, self.certificate_password)
        return tuple(value for value in hidden if value)


def parse_credential(fields: Mapping[str, Any], *, field: str) -> CredentialSpec:
    """Read an identity from connection fields named like those of `CredentialSpec`.

    `auth` names the kind; without it a client secret or a certificate speaks for itself, and
    azure-identity's default chain is used otherwise. Empty values count as absent, as the
    connection form sends them.

    :param fields: `auth` and the fields of `CredentialSpec`; others are ignored.
    :param field: prefix for errors, e.g. ``connection 'azure_ml_default'``.
    :raises UsageError: rules ``credential-*``.
    """
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    kind = given.get("auth") or _kind_of(given)
    if kind not in KINDS:
        raise UsageError(
            rule="credential-kind",
            field=f"{field}: auth",
            value=kind,
            reason="this kind of identity is not known",
            remedy=f"write one of {', '.join(KINDS)}.",
        )
    _check_service_principal(kind, given, field)
    _check_unused(kind, given, field)
    _check_certificate(kind, given, field)
    _check_places(given, field)
    authority = given.get("authority_host")
    if "certificate_data" in given:
        given["certificate_data"] = with_line_breaks(str(given["certificate_data"]))
    return CredentialSpec(
        kind=kind,
        **{name: str(given[name]) for name in _TEXT_FIELDS if name in given},
        authority_host=authority.rstrip("/") if authority else None,
        # A custom issuer is unknown to the public cloud, so the question could only fail.
        disable_instance_discovery=_flag(given, field) or bool(authority),
    )


def with_line_breaks(pem: str) -> str:
    r"""PEM text whose line breaks a one-line form field or an environment variable swallowed.

    Browsers drop them from a password field, and JSON by hand often has them as ``\n``.
    """
    if "\n" in pem.strip():
        return pem
    text = pem.replace("\\n", "\n")
    blocks = _PEM_BLOCK.findall(text)
    if not blocks or "DEK-Info" in text:  # the headers of an old encrypted key need their lines
        return text
    return "".join(
        "\n".join([begin, *wrap("".join(body.split()), 64), end, ""]) for begin, body, end in blocks
    )


_TEXT_FIELDS = (
    "tenant_id",
    "client_id",
    "client_secret",
    "certificate_path",
    "certificate_data",
    "certificate_password",
    "token_file",
)


def _kind_of(given: Mapping[str, Any]) -> str:
    if "client_secret" in given:
        return _PRINCIPAL
    return _WITH_CERTIFICATE if set(_CERTIFICATE_FIELDS) & set(given) else "default"


def _check_service_principal(kind: str, given: Mapping[str, Any], field: str) -> None:
    """Refuse a service principal that lacks one of its three parts."""
    principal = kind in {_PRINCIPAL, _WITH_CERTIFICATE}
    if principal and "tenant_id" not in given:
        raise UsageError(
            rule="credential-tenant-missing",
            field=f"{field}: tenant_id",
            value=None,
            reason="a service principal belongs to a tenant",
            remedy="write the directory (tenant) id of the app registration.",
        )
    if principal and "client_id" not in given:
        raise UsageError(
            rule="credential-client-id-missing",
            field=f"{field}: client_id",
            value=None,
            reason="a service principal is named by its application id",
            remedy="write the application (client) id as the connection's login.",
        )
    if kind == _PRINCIPAL and "client_secret" not in given:
        raise UsageError(
            rule="credential-secret-missing",
            field=f"{field}: client_secret",
            value=None,
            reason="auth is service_principal and there is no client secret",
            remedy="write the secret as the connection's password, or choose another auth.",
        )
    if kind == _WITH_CERTIFICATE and not set(_CERTIFICATE_FIELDS) & set(given):
        raise UsageError(
            rule="credential-certificate-missing",
            field=f"{field}: certificate_path",
            value=None,
            reason="auth is service_principal_certificate and there is no certificate",
            remedy="write certificate_path (PEM or PFX file) or certificate_data (PEM text).",
        )


def _check_unused(kind: str, given: Mapping[str, Any], field: str) -> None:
    """Refuse what the chosen kind would ignore: someone believes that it is used."""
    if kind != _PRINCIPAL and "client_secret" in given:
        raise UsageError(
            rule="credential-secret-unused",
            field=f"{field}: client_secret",
            value="(hidden)",
            reason=f"auth is {kind}, which uses no client secret",
            remedy="remove the secret, or write auth = service_principal.",
        )
    if kind != _WITH_CERTIFICATE and set(_CERTIFICATE_FIELDS) & set(given):
        raise UsageError(
            rule="credential-certificate-unused",
            field=f"{field}: certificate",
            value="(hidden)",
            reason=f"auth is {kind}, which uses no certificate",
            remedy="remove the certificate, or write auth = service_principal_certificate.",
        )
    if kind != "workload_identity" and "token_file" in given:
        raise UsageError(
            rule="credential-token-file-unused",
            field=f"{field}: token_file",
            value=given["token_file"],
            reason=f"auth is {kind}, which reads no federated token",
            remedy="remove token_file, or write auth = workload_identity.",
        )


def _check_certificate(kind: str, given: Mapping[str, Any], field: str) -> None:
    if set(_CERTIFICATE_FIELDS) <= set(given) and kind == _WITH_CERTIFICATE:
        raise UsageError(
            rule="credential-certificate-twice",
            field=f"{field}: certificate_data",
            value="(hidden)",
            reason="certificate_path and certificate_data are both given",
            remedy="keep one of them.",
        )
    if "certificate_data" in given and "-----BEGIN" not in str(given["certificate_data"]):
        raise UsageError(
            rule="credential-certificate-shape",
            field=f"{field}: certificate_data",
            value="(hidden)",
            reason="the text is no PEM certificate with its private key",
            remedy="paste the PEM text with its BEGIN and END lines, or use certificate_path.",
        )


def _check_places(given: Mapping[str, Any], field: str) -> None:
    """Refuse a tenant or an issuer that no token request could be sent to."""
    tenant, authority = given.get("tenant_id"), given.get("authority_host")
    if tenant is not None and not _TENANT.fullmatch(str(tenant)):
        raise UsageError(
            rule="credential-tenant-shape",
            field=f"{field}: tenant_id",
            value=tenant,
            reason="a tenant is a GUID or a domain",
            remedy="copy the directory (tenant) id of the app registration.",
        )
    if authority is not None and not _is_https_root(str(authority)):
        raise UsageError(
            rule="credential-authority-host",
            field=f"{field}: authority_host",
            value=str(authority).split("@")[-1],
            reason="secrets are sent to the issuer, so it must be https://<host> without a path",
            remedy="write e.g. https://login.microsoftonline.us.",
        )


def _is_https_root(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme == "https" and bool(parts.netloc) and bare


def _flag(given: Mapping[str, Any], field: str) -> bool:
    """Read a flag that JSON gives as true and a form or an environment variable as text."""
    value = str(given.get("disable_instance_discovery", "false")).lower()
    if value not in {"true", "false", "1", "0", "yes", "no"}:
        raise UsageError(
            rule="credential-flag",
            field=f"{field}: disable_instance_discovery",
            value=value,
            reason="this is neither true nor false",
            remedy="write true or false.",
        )
    return value in {"true", "1", "yes"}
