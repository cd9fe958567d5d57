"""The fields of a storage connection that concern Fabric: its lakehouse, and who knows shortcuts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.service.cloud import FABRIC_API, https_root
from airflow_provider_fabml.core.storage.shortcuts.item_path import Lakehouse, parse_lakehouse
from airflow_provider_fabml.core.storage.uri_text import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCES = ("mapping", "fabric")


def parse_home(given: Mapping[str, Any], field: str) -> Lakehouse | None:
    """Read `lakehouse`, in which bare ``Files/…`` paths are.

    :raises UsageError: rules ``lakehouse-*``.
    """
    text = given.get("lakehouse")
    return parse_lakehouse(str(text), field=f"{field}: lakehouse") if text else None


def parse_fabric_api(given: Mapping[str, Any], *, has_identity: bool, field: str) -> str | None:
    """Read `shortcuts` and `fabric_api`: the API to be asked, or None where nobody wants it asked.

    :param has_identity: whether the connection can get a token of Microsoft Entra ID.
    :raises UsageError: rules ``fabric-*``.
    """
    source, api = str(given.get("shortcuts") or "mapping"), given.get("fabric_api")
    if source not in SOURCES:
        raise UsageError(
            rule="fabric-shortcuts",
            field=f"{field}: shortcuts",
            value=source,
            reason="nobody of this name knows where shortcuts lead",
            remedy="write fabric to have Fabric asked, or mapping (or nothing) for the rows alone.",
        )
    if source == "mapping" and api:
        raise UsageError(
            rule="fabric-api-unused",
            field=f"{field}: fabric_api",
            value=redact(str(api)),
            reason="Fabric is not asked unless shortcuts = fabric",
            remedy="write shortcuts = fabric, or remove fabric_api.",
        )
    if source == "mapping":
        return None
    if not has_identity:
        raise UsageError(
            rule="fabric-identity",
            field=f"{field}: auth",
            value=given.get("auth"),
            reason="Fabric takes tokens of Microsoft Entra ID, and no key, SAS or connection string",
            remedy="use an identity, e.g. auth = service_principal, or shortcuts = mapping.",
        )
    url = https_root(str(api or FABRIC_API))
    if url is None:
        raise UsageError(
            rule="fabric-api-url",
            field=f"{field}: fabric_api",
            value=redact(str(api)),
            reason="a token is sent there, so it must be https://<host> without a path",
            remedy=f"leave it out for {FABRIC_API}, or name a private link's host.",
        )
    return url
