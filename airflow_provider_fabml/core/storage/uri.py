"""What a data URI says, read once: a datastore path, a storage URL or a registered asset.

Nothing is mended silently: a URI that a service would refuse, or read in another way than its
author meant, is refused here with the corrected text.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.storage_url import (
    StorageUrl,
    is_web_address,
    parse_storage_url,
)
from airflow_provider_fabml.core.storage.uri_text import check_segments, check_text, redact

__all__ = ["AssetUri", "DatastoreUri", "StorageUrl", "parse_uri"]

_ARM = (
    r"/subscriptions/(?P<s>[^/]+)/resourcegroups/(?P<r>[^/]+)"
    r"/providers/microsoft\.machinelearningservices/workspaces/(?P<w>[^/]+)"
)
_ARM_DATASTORE = re.compile(rf"(?i:{_ARM}/datastores)/(?P<d>[^/]*)(?P<rest>.*)", re.DOTALL)
_ARM_ASSET = re.compile(rf"(?i:{_ARM}/(?:data|models)/)[^/]+(?i:/(?:versions|labels)/)[^/]+")
# `azure.ai.ml` AzureMLDatastorePathUri: "resourcegroups" and "resourceGroups", no /providers/.
_LONG = re.compile(
    r"azureml://subscriptions/(?P<s>[^/]+)/resource[gG]roups/(?P<r>[^/]+)"
    r"(?P<provider>/providers/[^/]+)?/workspaces/(?P<w>[^/]+)"
    r"/datastores/(?P<d>[^/]*)(?P<rest>.*)",
    re.DOTALL,
)
_SHORT = re.compile(r"azureml://datastores/(?P<d>[^/]*)(?P<rest>.*)", re.DOTALL)
_ASSET = re.compile(
    r"azureml:[A-Za-z0-9][\w.-]*(?::[\w.-]+|@[\w.-]+)"
    r"|azureml://registries/[^/]+/(?:data|models)/[^/]+/(?:versions|labels)/[^/]+"
    r"|azureml://(?:locations|subscriptions)/[^/]+/(?:resource[gG]roups/[^/]+/)?workspaces/[^/]+"
    r"/(?:data|models)/[^/]+/(?:versions|labels)/[^/]+"
    r"|azureml://jobs/[^/]+/outputs/[^/]+(?:/paths/.*)?"
)
_DATASTORE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


class DatastoreUri(NamedTuple):
    """A path under an Azure ML datastore; `path` has no leading slash and is kept as written."""

    datastore: str
    path: str
    subscription_id: str | None = None
    resource_group: str | None = None
    workspace: str | None = None

    @property
    def store(self) -> str:
        """The part before ``/paths/`` without the scheme: ``datastores/D`` or the long form."""
        short = f"datastores/{self.datastore}"
        if self.subscription_id is None:
            return short
        return (
            f"subscriptions/{self.subscription_id}/resourcegroups/{self.resource_group}"
            f"/workspaces/{self.workspace}/{short}"
        )

    def __str__(self) -> str:
        """Give the canonical ``azureml://`` URI."""
        return f"azureml://{self.store}/paths/{self.path}"


class AssetUri(NamedTuple):
    """A registered asset, a job output or a web address: only Azure ML knows how to reach it."""

    text: str

    def __str__(self) -> str:
        """Give the text as written."""
        return self.text


def parse_uri(
    text: object, *, field: str, web: bool = False
) -> DatastoreUri | StorageUrl | AssetUri:
    """Read `text` in any of the forms Azure ML, ADLS Gen2, Azurite and OneLake use.

    :param text: the URI, rendered.
    :param field: where it stands, for the error.
    :param web: take an ``https`` URL of any host as well, as the SDK does for inputs; only Azure ML
        can tell whether it reads it.
    :raises UsageError: with the rule broken and the text to write instead.
    """
    uri = check_text(text, field=field)
    arm = uri.removeprefix("azureml:") if uri.startswith("azureml:/subscriptions") else uri
    if _ASSET.fullmatch(uri) or _ARM_ASSET.fullmatch(arm):
        return AssetUri(uri)
    found = _SHORT.fullmatch(uri) or _LONG.fullmatch(uri) or _ARM_DATASTORE.fullmatch(arm)
    if found:
        return _datastore(uri, found.groupdict(), field)
    if web and is_web_address(uri):
        return AssetUri(uri)
    return parse_storage_url(uri, field=field)


def _datastore(uri: str, parts: dict[str, str | None], field: str) -> DatastoreUri:
    """Check the parts of a datastore URI; microsoft.com "Access data in a job" has the form."""
    name, rest = parts["d"] or "", parts["rest"] or ""
    fixed = DatastoreUri(
        name,
        rest.removeprefix("/paths").lstrip("/"),
        parts.get("s"),
        parts.get("r"),
        parts.get("w"),
    )
    if not _DATASTORE_NAME.fullmatch(name):
        raise UsageError(
            rule="datastore-name",
            field=field,
            value=redact(uri),
            reason="the datastore's name is missing or has characters other than A-Z a-z 0-9 _ -",
            remedy="write azureml://datastores/<datastore>/paths/<path>.",
        )
    if parts.get("provider"):
        raise UsageError(
            rule="datastore-uri-provider",
            field=field,
            value=redact(uri),
            reason="an azureml:// URI has no /providers/ part; Azure ML refuses this form",
            remedy=f"write {redact(str(fixed))}",
        )
    if not (rest + "/").startswith("/paths/"):
        raise UsageError(
            rule="datastore-uri-paths",
            field=field,
            value=redact(uri),
            reason="a datastore URI needs /paths/ between datastore and path",
            remedy=f"write {redact(str(fixed))}",
        )
    return fixed._replace(path=_datastore_path(uri, rest[len("/paths/") :], field))


def _datastore_path(uri: str, path: str, field: str) -> str:
    if not path.strip("/"):
        raise UsageError(
            rule="datastore-uri-empty-path",
            field=field,
            value=redact(uri),
            reason="nothing follows /paths/; Azure ML refuses the root of a datastore",
            remedy="name a folder or file below the datastore.",
        )
    if re.search(r"%[0-9A-Fa-f]{2}", path):
        raise UsageError(
            rule="datastore-uri-percent",
            field=field,
            value=redact(uri),
            reason="a datastore path is sent as written, so a percent escape would be part of the "
            "file's name",
            remedy=f"write the plain characters: {redact(unquote(path))}",
        )
    return check_segments(path, value=redact(uri), field=field)
