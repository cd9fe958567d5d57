"""An Azure ML workspace and the addresses of what is in it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

# The version whose bodies were compared with recordings; any 2022+ version has the fields used here.
API_VERSION = "2024-01-01-preview"


class Workspace(NamedTuple):
    """Subscription id, resource group and workspace name."""

    subscription_id: str
    resource_group: str
    name: str

    @property
    def path(self) -> str:
        """The workspace's resource id, percent-encoded as a URL path."""
        return (
            f"/subscriptions/{quote(self.subscription_id, safe='')}"
            f"/resourceGroups/{quote(self.resource_group, safe='')}"
            "/providers/Microsoft.MachineLearningServices"
            f"/workspaces/{quote(self.name, safe='')}"
        )

    def arm_url(self, resource_manager: str, *segments: str, query: str = "") -> str:
        """The Resource Manager URL of something in the workspace, e.g. ``("jobs", job_name)``."""
        tail = "".join(f"/{quote(segment, safe='')}" for segment in segments)
        extra = f"&{query}" if query else ""
        base = resource_manager.rstrip("/")
        return f"{base}{self.path}{tail}?api-version={API_VERSION}{extra}"

    def history_url(self, api: str, *segments: str) -> str:
        """The run-history URL of something in the workspace, e.g. ``("rundata",)``."""
        tail = "".join(f"/{quote(segment, safe='')}" for segment in segments)
        return f"{api.rstrip('/')}/history/v1.0{self.path}{tail}?api-version=v1.0"
