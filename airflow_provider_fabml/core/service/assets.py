"""Registered assets in a request: the short spellings become resource ids before the POST.

``azureml:<name>:<version>`` and ``azureml:<name>@latest`` are spellings of the SDK and the command
line; the REST interface takes the asset's resource id (Microsoft, "Create jobs and input data for
batch endpoints"), which azure-ai-ml 1.35.2 therefore makes on the client. So do we.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.service.reads import read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fabml.core.service.flows import Site
    from airflow_provider_fabml.core.service.http import Flow
    from airflow_provider_fabml.core.service.workspace import Workspace

_SHORT = re.compile(r"azureml:(?P<name>[A-Za-z0-9][\w.-]*)(?::(?P<version>[\w.-]+)|@(?P<label>.+))")
_MODELS = frozenset({"MLFlowModel", "CustomModel", "TritonModel"})
LATEST = "latest"


class ShortAsset(NamedTuple):
    """An asset by its short name; ``version`` is None where the newest one was asked for."""

    collection: str
    name: str
    version: str | None

    def resource_id(self, workspace: Workspace, version: str) -> str:
        """The asset's id below the workspace, as azure-ai-ml spells it."""
        return (
            f"/subscriptions/{workspace.subscription_id}/resourceGroups/{workspace.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{workspace.name}"
            f"/{self.collection}/{self.name}/versions/{version}"
        )


def short_asset(entry: Mapping[str, Any]) -> ShortAsset | None:
    """The asset that one entry of ``inputData`` names in a short spelling, or None.

    Models are looked for among the models, everything else among the data assets. Raises
    ``PermanentError`` for a label other than ``latest``, which has no version to be found by.
    """
    found = _SHORT.fullmatch(str(entry.get("uri") or ""))
    if found is None:
        return None
    if found["label"] not in {None, LATEST}:
        raise PermanentError(
            f"the label {found['label']!r} of asset {found['name']!r} names no version",
            remedy="write azureml:<name>:<version>, or azureml:<name>@latest",
        )
    collection = "models" if entry.get("jobInputType") in _MODELS else "data"
    return ShortAsset(collection, found["name"], found["version"])


def replace_uris(body: Mapping[str, Any], uris: Mapping[str, str]) -> dict[str, Any]:
    """The request with other URIs for the inputs named in ``uris``."""
    properties = dict(body["properties"])
    inputs = dict(properties.get("inputData") or {})
    for name, uri in uris.items():
        inputs[name] = {**inputs[name], "uri": uri}
    return {**body, "properties": {**properties, "inputData": inputs}}


def with_asset_ids(site: Site, body: Mapping[str, Any]) -> Flow[dict[str, Any]]:
    """The request with resource ids in place of ``azureml:<name>:<version>`` and ``…@latest``.

    Only the newest version has to be asked for: one read each (specification, ``latestVersion``).
    """
    uris: dict[str, str] = {}
    for name, entry in ((body.get("properties") or {}).get("inputData") or {}).items():
        asset = short_asset(entry)
        if asset is None:
            continue
        version = asset.version or (yield from _latest_version(site, asset))
        uris[name] = asset.resource_id(site.workspace, version)
    return replace_uris(body, uris) if uris else dict(body)


def _latest_version(site: Site, asset: ShortAsset) -> Flow[str]:
    what = f"reading asset {asset.name!r}"
    told = yield from read_object(site.get(asset.collection, asset.name), what)
    version = (told.get("properties") or {}).get("latestVersion")
    if not version:
        raise PermanentError(
            f"{what}: it has no latest version", remedy="write azureml:<name>:<version>"
        )
    return str(version)
