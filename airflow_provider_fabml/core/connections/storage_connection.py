"""What a storage connection says: where, who, and which shortcut is which container."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from dataclasses import field as _field
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.connections.connection_string import blob_endpoint_in
from airflow_provider_fabml.core.connections.credential import (
    KINDS,
    CredentialSpec,
    parse_credential,
)
from airflow_provider_fabml.core.connections.fabric_fields import parse_fabric_api, parse_home
from airflow_provider_fabml.core.connections.queue_fields import parse_queue_endpoint
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.mapping import MappingRow, parse_mapping
from airflow_provider_fabml.core.storage.storage_url import blob_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fabml.core.storage.shortcuts.item_path import Lakehouse

KEYED = ("account_key", "sas", "connection_string")
AUTHS = (*KEYED, *KINDS)


@dataclass(frozen=True)
class StorageSettings:
    """A connection, read. Secrets are left out of its repr.

    :param auth: one of `AUTHS`.
    :param endpoint: the blob service's base URL, if the connection names one.
    :param credential: the identity where `auth` is one of `core.credential.KINDS`.
    :param mapping: rows for `core.location.resolve`.
    :param lakehouse: the one that bare ``Files/…`` paths are in, if the connection names it.
    :param queue_endpoint: the queue service's base URL, where the connection tells it.
    :param fabric_api: base URL of Fabric's REST API, if it is asked where shortcuts lead.
    """

    auth: str
    endpoint: str | None = None
    account_key: str | None = _field(default=None, repr=False)
    sas_token: str | None = _field(default=None, repr=False)
    connection_string: str | None = _field(default=None, repr=False)
    credential: CredentialSpec | None = None
    ca_bundle: str | None = None
    mapping: tuple[MappingRow, ...] = ()
    proxies: tuple[tuple[str, str], ...] = ()
    lakehouse: Lakehouse | None = None
    fabric_api: str | None = None
    queue_endpoint: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must not be shown, for masking."""
        own = (self.account_key, self.sas_token, self.connection_string)
        rest = self.credential.secrets if self.credential else ()
        return (*(value for value in own if value), *rest)


def parse_storage_connection(
    *,
    host: str | None = None,
    login: str | None = None,
    password: str | None = None,
    extra: Mapping[str, Any] | None = None,
    field: str,
) -> StorageSettings:
    """Read the fields of an Airflow connection of type ``onelake`` or ``wasb``.

    A ``wasb`` connection has no `auth`; what it holds speaks for itself, in the order in which
    `WasbHook.get_conn` looks (apache-airflow-providers-microsoft-azure 15.2).

    :param field: prefix for errors, e.g. ``connection 'onelake_default'``.
    :raises UsageError: rules ``storage-*``, ``endpoint-*``, ``credential-*``, ``mapping-*``,
        ``lakehouse-*``, ``fabric-*``.
    """
    given = _unprefixed(extra or {})
    auth = str(given.get("auth") or _auth_of(given, login, password))
    if auth not in AUTHS:
        raise UsageError(
            rule="storage-auth",
            field=f"{field}: auth",
            value=auth,
            reason="this way to log in is not known",
            remedy=f"write one of {', '.join(AUTHS)}.",
        )
    key = str(given.get("shared_access_key") or password or "") if auth == "account_key" else ""
    _check_keyed(auth, key, given, field)
    endpoint = _endpoint(auth, host, login, given, field)
    _check_onelake(auth, endpoint, field)
    return StorageSettings(
        auth=auth,
        endpoint=endpoint,
        account_key=key or None,
        sas_token=_sas(given) if auth == "sas" else None,
        connection_string=given["connection_string"] if auth == "connection_string" else None,
        credential=None if auth in KEYED else _credential(auth, login, password, given, field),
        ca_bundle=given.get("ca_bundle"),
        mapping=parse_mapping(given.get("mapping"), f"{field}: mapping"),
        proxies=tuple(sorted(dict(given.get("proxies") or {}).items())),
        lakehouse=parse_home(given, field),
        fabric_api=parse_fabric_api(given, has_identity=auth not in KEYED, field=field),
        queue_endpoint=parse_queue_endpoint(given, endpoint, field=field),
    )


def _unprefixed(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Drop empty values and the prefix that old forms gave to names (``extra__wasb__``)."""
    return {
        name.removeprefix("extra__wasb__"): value
        for name, value in extra.items()
        if value not in (None, "")
    }


def _auth_of(given: Mapping[str, Any], login: str | None, password: str | None) -> str:
    for name, auth in (
        ("connection_string", "connection_string"),
        ("shared_access_key", "account_key"),
        ("sas_token", "sas"),
        ("certificate_path", "service_principal_certificate"),
        ("certificate_data", "service_principal_certificate"),
    ):
        if name in given:
            return auth
    if password:
        return "service_principal" if "tenant_id" in given else "account_key"
    return "default"


def _credential(
    auth: str, login: str | None, password: str | None, given: Mapping[str, Any], field: str
) -> CredentialSpec:
    # With key-less identities the login of a wasb connection is the account's name, not an id.
    by_login = login if auth in {"service_principal", "service_principal_certificate"} else None
    fields = {
        **given,
        "auth": auth,
        "client_id": given.get("client_id") or given.get("managed_identity_client_id") or by_login,
        "client_secret": password,
        "tenant_id": given.get("tenant_id") or given.get("workload_identity_tenant_id"),
    }
    return parse_credential(fields, field=field)


def _check_keyed(auth: str, key: str, given: Mapping[str, Any], field: str) -> None:
    if auth == "account_key" and not key:
        raise UsageError(
            rule="storage-key-missing",
            field=f"{field}: password",
            value=None,
            reason="auth is account_key and there is no key",
            remedy="write the storage account's key as the password.",
        )
    if key and not _is_base64(key):
        raise UsageError(
            rule="storage-key-shape",
            field=f"{field}: password",
            value="(hidden)",
            reason="an account key is base64 text, and this is not",
            remedy="copy the key of the storage account; a client secret needs tenant_id and "
            "auth = service_principal.",
        )
    if auth == "sas" and "sig=" not in str(given.get("sas_token", "")):
        raise UsageError(
            rule="storage-sas",
            field=f"{field}: sas_token",
            value="(hidden)",
            reason="auth is sas and this is no shared access signature (no sig=)",
            remedy="write the whole token: sv=...&sig=...",
        )
    if auth == "connection_string" and not blob_endpoint_in(given.get("connection_string")):
        raise UsageError(
            rule="storage-connection-string",
            field=f"{field}: connection_string",
            value="(hidden)",
            reason="auth is connection_string and this names neither AccountName nor BlobEndpoint",
            remedy="copy the connection string of the storage account.",
        )


def _is_base64(key: str) -> bool:
    try:
        return bool(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        return False


def _sas(given: Mapping[str, Any]) -> str:
    """Give the token alone; wasb connections may hold a URL with it."""
    return str(given["sas_token"]).rpartition("?")[2]


def _endpoint(
    auth: str, host: str | None, login: str | None, given: Mapping[str, Any], field: str
) -> str | None:
    """Find the blob endpoint: the host, the connection string, or the account in the login."""
    if auth == "connection_string":
        return blob_endpoint_in(given["connection_string"])
    sas = str(given.get("sas_token", "")) if auth == "sas" else ""
    text = host or (sas.partition("?")[0] if sas.startswith("https://") else "")
    if auth in KEYED and not text and not login:
        raise UsageError(
            rule="storage-account-missing",
            field=f"{field}: host",
            value=None,
            reason=f"auth is {auth}, which belongs to one storage account, and none is named",
            remedy="write https://<account>.blob.core.windows.net as the host.",
        )
    if not text and login and not auth.startswith("service_principal"):
        text = f"https://{login}.blob.core.windows.net"
    return blob_endpoint(text, field=f"{field}: host")


def _check_onelake(auth: str, endpoint: str | None, field: str) -> None:
    if auth in KEYED and "onelake." in (endpoint or ""):
        raise UsageError(
            rule="storage-onelake-key",
            field=f"{field}: auth",
            value=auth,
            reason="OneLake has no account keys and takes no account SAS",
            remedy="use an identity of Microsoft Entra ID, e.g. auth = service_principal.",
        )
