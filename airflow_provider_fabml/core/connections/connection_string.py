"""A storage connection string: its fields, and the blob service it names."""

from __future__ import annotations


def connection_fields(text: object) -> dict[str, str]:
    """Give the fields of a storage connection string, their names in small letters."""
    pairs = (part.partition("=") for part in str(text or "").split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def blob_endpoint_in(text: object) -> str | None:
    """Give the blob endpoint a connection string names, as azure-storage-blob derives it."""
    named = connection_fields(text)
    if named.get("blobendpoint"):
        return named["blobendpoint"].rstrip("/")
    if not named.get("accountname"):
        return None
    suffix = named.get("endpointsuffix") or "core.windows.net"
    protocol = named.get("defaultendpointsprotocol") or "https"
    return f"{protocol}://{named['accountname']}.blob.{suffix}"
