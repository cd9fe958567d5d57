"""What is remembered beside an asset, in Airflow's asset state store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class AssetMemory:
    """One value under one name, beside each of a few assets; a write goes to all of them.

    :param stores: Airflow's accessors, one an asset (`stores_of`).
    :param name: the value's name.
    """

    def __init__(self, stores: Sequence[Any], name: str) -> None:
        self._stores, self._name = stores, name

    async def arecall(self) -> list[Any]:
        """Give the value of each asset, None where there is none (triggerer)."""
        return [await store.aget(self._name) for store in self._stores]

    async def akeep(self, value: dict[str, Any]) -> None:
        """Store JSON for every asset (triggerer)."""
        for store in self._stores:
            await store.aset(self._name, value)

    def recall(self) -> list[Any]:
        """Give the value of each asset, None where there is none (worker)."""
        return [store.get(self._name) for store in self._stores]

    def keep(self, value: dict[str, Any]) -> None:
        """Store JSON for every asset (worker)."""
        for store in self._stores:
            store.set(self._name, value)


def stores_of(accessors: Any) -> list[Any]:
    """Give the store of each asset that a trigger serves; none where no asset is attached.

    Two assets with equal triggers share one trigger in Airflow, whose events go to both. Airflow 3.3
    then refuses ``aget`` without a name, tells the trigger no names, and lists them nowhere else.
    """
    if accessors is None:
        return []
    by_name, by_uri = accessors._by_name, accessors._by_uri  # noqa: SLF001
    return [*by_name.values(), *by_uri.values()]
