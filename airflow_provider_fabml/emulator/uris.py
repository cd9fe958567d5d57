"""Where data lies: every spelling of a path that the service documents, as one value.

Sources: Microsoft's "Access data in a job" and "Create jobs and input data for batch endpoints";
REST requests may also name a datastore's ARM id followed by ``/paths/…``.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_SHORT = re.compile(r"^azureml://datastores/(?P<store>[^/]+)/paths/(?P<path>.*)$", re.I)
_LONG = re.compile(
    r"^azureml://subscriptions/[^/]+/resourcegroups/[^/]+"
    r"(?:/providers/Microsoft\.MachineLearningServices)?"
    r"/workspaces/[^/]+/datastores/(?P<store>[^/]+)/paths/(?P<path>.*)$",
    re.I,
)
_ARM = re.compile(
    r"^(?:azureml:)?/subscriptions/.+/workspaces/[^/]+/datastores/(?P<store>[^/]+)/paths/(?P<path>.*)$",
    re.I,
)
_ASSET = re.compile(
    r"^(?:azureml:)?/subscriptions/.+/(?:data|datasets)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$",
    re.I,
)
_SHORT_ASSET = re.compile(r"^azureml:(?P<name>[^/:@]+)(?::(?P<version>[^/]+)|@latest)$", re.I)
_ABFSS = re.compile(
    r"^(?:abfss?|wasbs?)://(?P<container>[^@/]+)@(?P<account>[^./]+)[^/]*/(?P<path>.*)$", re.I
)


class OnDatastore(NamedTuple):
    """A path in a datastore."""

    datastore: str
    path: str


class OnAsset(NamedTuple):
    """A registered data asset; the version None stands for the latest."""

    name: str
    version: str | None


class OnAccount(NamedTuple):
    """A path in a container of a storage account, named by account or by its whole address."""

    account: str
    container: str
    path: str
    sas: str = ""


Place = OnDatastore | OnAsset | OnAccount


def parse_place(uri: str) -> Place | None:
    """Return what ``uri`` names, or None where nothing of ours has that shape."""
    for pattern in (_SHORT, _LONG, _ARM):
        if match := pattern.match(uri):
            return OnDatastore(match["store"], match["path"].strip("/"))
    for pattern in (_ASSET, _SHORT_ASSET):
        if match := pattern.match(uri):
            return OnAsset(match["name"], match["version"])
    if match := _ABFSS.match(uri):
        return OnAccount(match["account"], match["container"], match["path"].strip("/"))
    return _from_address(uri)


def _from_address(uri: str) -> OnAccount | None:
    """Read ``https://ACCOUNT.blob…/CONTAINER/PATH`` and Azurite's ``http://HOST/ACCOUNT/…``."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"}:
        return None
    segments = [unquote(segment) for segment in parts.path.split("/") if segment]
    account, dot, rest = (parts.hostname or "").partition(".")
    if not dot or not rest.startswith(("blob.", "dfs.")):
        if not segments:
            return None
        account, segments = segments[0], segments[1:]
    if not segments:
        return None
    return OnAccount(account, segments[0], "/".join(segments[1:]), parts.query)


def long_form(uri: str, workspace_path: str) -> str:
    """Return a short datastore URI spelt with subscription, resource group and workspace."""
    match = _SHORT.match(uri)
    if match is None:
        return uri
    path = workspace_path.replace("resourceGroups", "resourcegroups")
    path = path.replace("/providers/Microsoft.MachineLearningServices", "")
    return f"azureml:/{path}/datastores/{match['store']}/paths/{match['path']}"
