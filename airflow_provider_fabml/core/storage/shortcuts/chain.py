"""Follows shortcuts that lead to shortcuts, and asks for nothing but the shortcut above a path."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.storage.mapping import below
from airflow_provider_fabml.core.storage.shortcuts.item_path import ItemPath
from airflow_provider_fabml.core.storage.shortcuts.target import Shortcut, target_of
from airflow_provider_fabml.core.storage.storage_url import StorageUrl

# fabric-docs, onelake-shortcuts, "Limitations": direct links from shortcut to shortcut.
MAX_DEPTH = 5

Chain: TypeAlias = Generator[ItemPath, Shortcut | None, StorageUrl | ItemPath]


def follow(start: ItemPath) -> Chain:
    """Yield places, be sent the shortcut above each or None, and return where the bytes are.

    Raises ``PermanentError`` for a circle, a chain longer than `MAX_DEPTH`, and targets of other
    kinds.
    """
    place, passed = start, list[str]()
    while True:
        found = yield place
        if found is None:
            return place
        step = f"{place.lakehouse.key}/{found.path}"
        _check(step, passed)
        passed.append(step)
        target = target_of(found)
        path = "/".join(part for part in (target.path, below(place.path, found.path)) if part)
        if isinstance(target, StorageUrl):
            return target._replace(path=path)
        place = target._replace(path=path)


def _check(step: str, passed: list[str]) -> None:
    if step in passed:
        raise PermanentError(
            f"shortcut {step!r} leads back to itself ({' -> '.join([*passed, step])})",
            remedy="mend one of these shortcuts in Fabric",
        )
    if len(passed) == MAX_DEPTH:
        raise PermanentError(
            f"more than {MAX_DEPTH} shortcuts lead one to the next: {' -> '.join([*passed, step])}",
            remedy="let the first one point nearer to the data",
        )
