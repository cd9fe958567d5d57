"""Fabric's side of the file: workspaces, items and their shortcuts, and how Fabric refuses.

Shapes: Microsoft Learn, REST, Fabric Core, "OneLake Shortcuts - Get Shortcut" and "- Create
Shortcut"; refusals: "Fabric API troubleshooting" (``ErrorResponse``).
"""

import uuid
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from airflow_provider_fabml.emulator.errors import ServiceError

Guid = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
_PLACE = {"location", "subpath", "connectionId"}
TARGETS: dict[str, set[str]] = {
    "AdlsGen2": _PLACE,
    "AmazonS3": _PLACE,
    "AzureBlobStorage": _PLACE,
    "Dataverse": {"connectionId", "deltaLakeFolder", "environmentDomain", "tableName"},
    "ExternalDataShare": {"connectionId"},
    "GoogleCloudStorage": _PLACE,
    "OneDriveSharePoint": _PLACE,
    "OneLake": {"workspaceId", "itemId", "path", "connectionId"},
    "S3Compatible": {*_PLACE, "bucket"},
}
"""Kinds of targets, and the keys that each one's object has."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Shortcut(_Model):
    """A shortcut; a target that has its ``type`` alone is one that the caller may not see."""

    path: str = Field(pattern=r"^/?(Files|Tables)(/|$)")
    name: str = Field(pattern=r"^[^/%+]+$")
    target: dict[str, Any]

    @field_validator("target")
    @classmethod
    def _documented(cls, target: dict[str, Any]) -> dict[str, Any]:
        kind = target.get("type")
        if kind not in TARGETS:
            raise ValueError(f"type {kind!r} is none of {sorted(TARGETS)}")
        detail = target.get(detail_key(kind), {})
        unknown = {*target} - {"type", detail_key(kind)} | {*detail} - TARGETS[kind]
        if unknown:
            raise ValueError(f"{sorted(unknown)} are no keys of {kind}: {sorted(TARGETS[kind])}")
        return target

    @property
    def place(self) -> str:
        """Return path and name as one text without a leading slash."""
        return f"{self.path.strip('/')}/{self.name}"


class FabricItem(_Model):
    """A lakehouse or another item with shortcuts."""

    id: Guid
    name: str
    type: str = "Lakehouse"
    shortcuts: list[Shortcut] = []


class FabricWorkspace(_Model):
    """A Fabric workspace; an Azure ML workspace is something else."""

    id: Guid
    name: str
    items: list[FabricItem] = []

    def item(self, guid: str) -> FabricItem | None:
        """Return the item of this id, or None."""
        return next((item for item in self.items if item.id.lower() == guid.lower()), None)


class Fabric(_Model):
    """What Fabric's REST API tells."""

    workspaces: list[FabricWorkspace] = []

    @model_validator(mode="after")
    def _ids_differ(self) -> "Fabric":
        ids = [one.id.lower() for one in self.workspaces]
        ids += [item.id.lower() for one in self.workspaces for item in one.items]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"ids {twice} are given twice")
        return self

    def workspace(self, guid: str) -> FabricWorkspace | None:
        """Return the workspace of this id, or None."""
        return next((one for one in self.workspaces if one.id.lower() == guid.lower()), None)


def detail_key(kind: str) -> str:
    """Return the name of the object that a kind of target has: ``adlsGen2``."""
    return kind[:1].lower() + kind[1:]


class FabricError(ServiceError):
    """A refusal in Fabric's own shape."""

    def body(self, *, location: str, time: str) -> Any:
        """Return Fabric's ``ErrorResponse``."""
        return {
            "requestId": str(uuid.uuid4()),
            "errorCode": self.code,
            "message": self.message,
            "moreDetails": [],
        }


def token_refused(code: str, text: str) -> FabricError:
    """Return the 401 of a token that is missing, expired or for another audience (codes are ours)."""
    challenge = f'Bearer error="invalid_token", error_description="{text}"'
    return FabricError(401, code, text, headers={"WWW-Authenticate": challenge})


def insufficient() -> FabricError:
    """Return the 403 of a caller without a role."""
    text = "The caller does not have sufficient permissions to access the requested resource"
    return FabricError(403, "InsufficientPrivileges", text)
