"""A path in OneLake: workspace, item and what lies below the item.

Forms: fabric-docs "OneLake access API" (names with the item's type, or two GUIDs without it).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.uri_text import check_segments, check_text, redact

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TYPED = re.compile(r"(?P<name>[^/]+)\.(?P<type>[A-Za-z]+)")
# What is no URI and reaches Files or Tables after at most two names.
_TEXT = re.compile(r"((?:[^/:]+/){0,2}?)((?:Files|Tables)(?:/.*)?)", re.DOTALL)


class Lakehouse(NamedTuple):
    """A lakehouse, or another item with files: ``Sales/Raw.Lakehouse``, or two GUIDs."""

    workspace: str
    item: str

    @property
    def by_id(self) -> bool:
        """Whether both parts are GUIDs, which stay the same when somebody renames."""
        return is_guid(self.workspace) and is_guid(self.item)

    @property
    def name_and_type(self) -> tuple[str, str]:
        """The item's display name and its type, both as written."""
        name, _, kind = self.item.rpartition(".")
        return name, kind

    @property
    def key(self) -> str:
        """The same for two spellings of one item: GUIDs and types have no case."""
        if self.by_id:
            return f"{self.workspace}/{self.item}".lower()
        name, kind = self.name_and_type
        return f"{self.workspace}/{name}.{kind.lower()}"

    def __str__(self) -> str:
        """Give it as the first part of a path."""
        return f"{self.workspace}/{self.item}"


class ItemPath(NamedTuple):
    """A folder or file of an item; `path` begins with ``Files`` or ``Tables`` and has no end slash."""

    lakehouse: Lakehouse
    path: str

    def __str__(self) -> str:
        """Give the short text form, which `parse_item_path` reads back."""
        return f"{self.lakehouse}/{self.path}"

    @property
    def abfss(self) -> str:
        """The form Spark takes."""
        workspace, item = self.lakehouse
        return f"abfss://{workspace}@onelake.dfs.fabric.microsoft.com/{item}/{self.path}"


def is_guid(text: str) -> bool:
    """Whether this is a GUID as Fabric writes them."""
    return bool(_GUID.fullmatch(text))


def is_item_text(text: object) -> bool:
    """Whether this has the form ``[[<workspace>/]<item>/]Files/…`` (or ``Tables``), and is no URI."""
    return isinstance(text, str) and bool(_TEXT.fullmatch(text))


def parse_item_path(
    text: str, home: Lakehouse | None, *, field: str
) -> tuple[Lakehouse | None, str]:
    """Read the lakehouse (`home` where it is not written, and there is one) and the path in it.

    :raises UsageError: rules of `check_text` and `check_segments`, and ``lakehouse-*``.
    """
    check_text(text, field=field)
    path = check_segments(text, value=redact(text), field=field).rstrip("/")
    found = _TEXT.fullmatch(path)
    before, rest = (found[1].rstrip("/"), found[2]) if found else ("", path)
    if not before:
        return home, rest
    if "/" not in before and home is None:
        raise UsageError(
            rule="lakehouse-workspace-missing",
            field=field,
            value=redact(text),
            reason=f"nothing says in which workspace {before!r} is",
            remedy=f"write <workspace>/{before}/…, or name a lakehouse in the connection.",
        )
    whole = before if "/" in before else f"{home.workspace if home else ''}/{before}"
    return parse_lakehouse(whole, field=field), rest


def item_path_at(workspace: str, path: str, *, field: str) -> ItemPath | None:
    """Read a place on OneLake's own host; None where it is not within Files or Tables of an item.

    :raises UsageError: rules ``lakehouse-mixed`` and ``lakehouse-type-missing``.
    """
    item, _, rest = path.partition("/")
    if not re.match(r"(?:Files|Tables)(?:/|$)", rest):
        return None
    return ItemPath(parse_lakehouse(f"{workspace}/{item}", field=field), rest)


def parse_lakehouse(text: str, *, field: str) -> Lakehouse:
    """Read ``<workspace>/<item>.<Type>``, or the GUIDs of both.

    :raises UsageError: rules ``lakehouse-*``.
    """
    workspace, _, item = text.strip("/").partition("/")
    if not workspace or not item or "/" in item:
        raise UsageError(
            rule="lakehouse-shape",
            field=field,
            value=redact(text),
            reason="a lakehouse is named by its workspace and itself, and by nothing else",
            remedy="write <workspace>/<name>.Lakehouse, or <workspace id>/<item id>.",
        )
    if is_guid(workspace) != is_guid(item):
        raise UsageError(
            rule="lakehouse-mixed",
            field=field,
            value=redact(text),
            reason="OneLake takes two names or two GUIDs, never one of each",
            remedy="write both as names (the item with its type), or both as GUIDs.",
        )
    if not is_guid(item) and not _TYPED.fullmatch(item):
        raise UsageError(
            rule="lakehouse-type-missing",
            field=field,
            value=redact(text),
            reason=f"OneLake finds an item by name only with its type, and {item!r} has none",
            remedy=f"write {item}.Lakehouse.",
        )
    return Lakehouse(workspace, item)
