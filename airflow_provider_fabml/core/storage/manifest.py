"""A manifest: which files are expected, and how large they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

_SHAPES = (
    '{"files": [{"name": "a.csv", "size": 10}, ...]}, {"a.csv": 10, "b.csv": null} or '
    '["a.csv", "b.csv"]'
)


class Unreadable(NamedTuple):
    """Why a manifest says nothing yet; it may still be being written."""

    reason: str


def read_manifest(content: bytes, name: str) -> Mapping[str, int | None] | Unreadable:
    """Read a manifest in JSON: names below the watched folder, with sizes in bytes or without.

    A half-written one is no error: the next look reads it again.
    """
    try:
        found = as_expected(json.loads(content))
    except ValueError:
        return Unreadable(f"the manifest {name} is no JSON (yet)")
    if not found:
        return Unreadable(f"the manifest {name} names no files; it may look like {_SHAPES}")
    return found


def as_expected(value: Any) -> dict[str, int | None]:
    """Give ``{name: bytes or None}`` of any of the three shapes, or nothing for another."""
    if isinstance(value, Mapping) and isinstance(value.get("files"), list):
        value = value["files"]
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [_pair(entry) for entry in value]
    else:
        pairs = []
    return dict(pairs) if all(is_entry(*pair) for pair in pairs) else {}


def _pair(entry: Any) -> tuple[Any, Any]:
    if isinstance(entry, Mapping):
        return entry.get("name"), entry.get("size")
    return entry, None


def is_entry(name: Any, size: Any) -> bool:
    """Whether this is a name and a size in bytes (or None)."""
    fits = size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 0)
    return isinstance(name, str) and bool(name) and fits
