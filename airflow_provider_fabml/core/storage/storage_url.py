"""Where a storage URL points: account, container and path of ADLS Gen2, OneLake or an emulator.

We parse these ourselves because ``BlobClient.from_blob_url`` takes a OneLake item for the container
(azure-storage-blob 12.31, host not ``*.core.windows.net``).
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.uri_text import check_segments, redact

# Container names: learn.microsoft.com "Naming and referencing containers, blobs, and metadata".
_CONTAINER = re.compile(r"\$(?:root|web|logs)|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
# Suffixes per cloud: azure-ai-ml `_azure_environments.py`; `storage.azure.net` is zone DNS.
_AZURE_HOST = re.compile(
    r"(?P<account>[a-z0-9]{3,24}(?:-secondary)?)\.(?P<zone>z\d{1,3}\.)?(?:blob|dfs)\."
    r"(?P<suffix>core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|storage\.azure\.net)"
)
_ONELAKE_HOST = re.compile(r"(?:[a-z0-9-]+-)?onelake\.(?:dfs|blob)\.fabric\.microsoft\.com")
_HADOOP = {"abfss", "abfs", "wasbs", "wasb"}


class StorageUrl(NamedTuple):
    """A place in a storage account: decoded `path`, and `endpoint`, the blob service's base URL."""

    account: str
    container: str
    path: str
    endpoint: str

    @property
    def is_onelake(self) -> bool:
        """Whether the host is OneLake, which Azure ML cannot read."""
        return is_onelake_endpoint(self.endpoint)

    def __str__(self) -> str:
        """Give the percent-encoded blob URL, without secrets."""
        return "/".join([self.endpoint, quote(self.container, safe="$"), quote(self.path)]).rstrip(
            "/"
        )


def is_web_address(uri: str) -> bool:
    """Whether this is a bare ``https`` URL outside Azure Storage, which Azure ML may fetch itself."""
    parts = _split(uri)
    host = (parts.hostname or "") if parts else ""
    if parts is None or parts.scheme != "https" or parts.username or parts.query or "." not in host:
        return False
    storage = _AZURE_HOST.fullmatch(host) or _ONELAKE_HOST.fullmatch(host)
    return not (storage or host.endswith(".dfs.azure.com") or _is_path_style(host))


def is_onelake_endpoint(endpoint: str) -> bool:
    """Whether a blob service's base URL is OneLake's, global or of one region."""
    parts = _split(endpoint)
    return parts is not None and bool(_ONELAKE_HOST.fullmatch(parts.hostname or ""))


def is_azure_endpoint(endpoint: str) -> bool:
    """Whether a blob service's base URL is that of an Azure storage account, in any cloud."""
    parts = _split(endpoint)
    return parts is not None and bool(_AZURE_HOST.fullmatch(parts.hostname or ""))


def parse_storage_url(uri: str, *, field: str) -> StorageUrl:
    """Read a storage URL that passed `check_text`; no error shows its query or user.

    :raises UsageError: rules ``uri-*`` and ``path-*``.
    """
    parts, shown = _split(uri), redact(uri)
    if parts is None or parts.scheme not in {"http", "https", *_HADOOP}:
        raise UsageError(
            rule="uri-scheme",
            field=field,
            value=shown,
            reason="this is no form of a data URI",
            remedy="write azureml://datastores/<datastore>/paths/<path>, "
            "abfss://<container>@<account>.dfs.core.windows.net/<path>, "
            "https://<account>.blob.core.windows.net/<container>/<path>, "
            "azureml:<asset>:<version>, or Files/<shortcut>/<path> where a connection maps it.",
        )
    _check_bare(parts, shown, field)
    endpoint, account, path = _endpoint(parts, shown, field)
    if parts.scheme in _HADOOP:
        container = parts.username or ""
    else:
        container, _, path = path.partition("/")
    container, path = _decoded(container, shown, field), _decoded(path, shown, field)
    _check_container(container, account, shown, field)
    check_segments(path, value=shown, field=field)
    return StorageUrl(account, container, path.rstrip("/"), endpoint)


def _split(uri: str) -> SplitResult | None:
    """Split a URL; None where it has no host or is malformed."""
    try:
        parts = urlsplit(uri)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _check_bare(parts: SplitResult, shown: str, field: str) -> None:
    if parts.query or parts.fragment:
        raise UsageError(
            rule="uri-query",
            field=field,
            value=shown,
            reason="a data URI has neither a query (?) nor a fragment (#)",
            remedy="drop it, or write ? as %3F and # as %23 where they belong to a name.",
        )
    if parts.password is not None or (parts.scheme not in _HADOOP and "@" in parts.netloc):
        raise UsageError(
            rule="uri-userinfo",
            field=field,
            value=shown,
            reason="a user or password stands before the host",
            remedy="put credentials into the connection, and write the URL without them.",
        )


def _endpoint(parts: SplitResult, shown: str, field: str) -> tuple[str, str, str]:
    """Give (base URL of the blob service, account, rest of the path)."""
    host, path = parts.hostname or "", parts.path[1:]
    azure = _AZURE_HOST.fullmatch(host)
    if host.endswith(".dfs.azure.com"):
        raise UsageError(
            rule="uri-dfs-azure-com",
            field=field,
            value=shown,
            reason="there is no host *.dfs.azure.com, though Microsoft's page writes it so",
            remedy=f"write {shown.replace('.dfs.azure.com', '.dfs.core.windows.net')}",
        )
    if _ONELAKE_HOST.fullmatch(host):
        return f"https://{host.replace('.dfs.', '.blob.')}", "onelake", path
    if azure is not None:
        zone = azure["zone"] or ""
        return f"https://{azure['account']}.{zone}blob.{azure['suffix']}", azure["account"], path
    if parts.scheme in _HADOOP or not _is_path_style(host):
        raise UsageError(
            rule="uri-host",
            field=field,
            value=shown,
            reason=f"{host} is no storage host",
            remedy="write <account>.blob.core.windows.net (or its dfs twin, or that of a national "
            "cloud), onelake.dfs.fabric.microsoft.com, or an emulator's address and port.",
        )
    account, _, path = path.partition("/")
    if not re.fullmatch(r"[a-z0-9]{3,24}", account):
        raise UsageError(
            rule="uri-account",
            field=field,
            value=shown,
            reason="the storage account is missing; an emulator's URL names it first in the path",
            remedy="write http://127.0.0.1:<port>/<account>/<container>/<path>.",
        )
    return f"{parts.scheme}://{parts.netloc}/{account}", account, path


def _is_path_style(host: str) -> bool:
    """Tell an emulator's host (an address, or a name without dots) from a DNS name of Azure."""
    try:
        return bool(ip_address(host))
    except ValueError:
        return "." not in host


def _decoded(text: str, shown: str, field: str) -> str:
    """Decode percent escapes once; ``%2520`` is the name ``%20``."""
    plain = unquote(text, errors="replace")
    if re.search(r"%(?![0-9A-Fa-f]{2})", text) or "\ufffd" in plain:
        raise UsageError(
            rule="uri-percent-encoding",
            field=field,
            value=shown,
            reason="a % is not followed by the hexadecimal digits of a UTF-8 character",
            remedy="write a literal % as %25.",
        )
    return plain


def _check_container(container: str, account: str, shown: str, field: str) -> None:
    """Refuse a container that cannot exist; a OneLake workspace may have any name."""
    if not container:
        raise UsageError(
            rule="uri-container-missing",
            field=field,
            value=shown,
            reason="the container (in OneLake: the workspace) is missing",
            remedy="write abfss://<container>@<account>.dfs.core.windows.net/<path> or "
            "https://<account>.blob.core.windows.net/<container>/<path>.",
        )
    if container and account != "onelake" and not _CONTAINER.fullmatch(container):
        raise UsageError(
            rule="uri-container-name",
            field=field,
            value=shown,
            reason=f"{container!r} cannot be a container: 3 to 63 lower-case letters, digits and "
            "single hyphens",
            remedy="correct the container's name.",
        )


def blob_endpoint(text: str, *, field: str, service: str = "blob") -> str | None:
    """Read the base URL of a blob service as a connection has it; None where nothing is given.

    :param text: ``https://<account>.blob.core.windows.net``, its dfs twin, a OneLake host, a host
        of one's own, or an emulator's ``http://127.0.0.1:10000/<account>``.
    :param service: ``queue`` for the base URL of a queue service.
    :raises UsageError: rules ``endpoint-url``, ``endpoint-plain-http``.
    """
    if not text:
        return None
    url = (text if "://" in text else f"https://{text}").rstrip("/")
    parts = _split(url)
    bare = parts is not None and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts is None or not bare or parts.scheme not in {"http", "https"}:
        raise UsageError(
            rule="endpoint-url",
            field=field,
            value=redact(text),
            reason=f"this is no base URL of a {service} service",
            remedy=f"write https://<account>.{service}.core.windows.net, without query and "
            "credentials.",
        )
    host = parts.hostname or ""
    if parts.scheme == "http" and not _is_path_style(host):
        raise UsageError(
            rule="endpoint-plain-http",
            field=field,
            value=redact(text),
            reason="keys and tokens would cross the network unencrypted",
            remedy=f"write https://{host}.",
        )
    if _AZURE_HOST.fullmatch(host) or _ONELAKE_HOST.fullmatch(host):
        return url.replace(".dfs.", ".blob.", 1)
    return url
