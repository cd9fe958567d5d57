"""Airflow's shared stream of a tree: rounds go out, and come back acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.triggers.shared_stream import SharedStreamProducer

from airflow_provider_fabml.triggers.arrival_tree import tree_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_fabml.triggers.arrival_tree import TreeKey


class ArrivalProducer(SharedStreamProducer):
    """Airflow's view of a tree: rounds go out, and come back acknowledged.

    :param key: which tree.
    """

    def __init__(self, key: TreeKey) -> None:
        self._tree = tree_of(key)
        self._rounds = self._tree.rounds()

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Give each round with its number."""
        async for found in self._rounds:
            yield found, found.number

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Settle rounds in their order; called once all events of them are stored, or failed."""
        for item in batch:
            await self._tree.settle(item.broker_payload, stored=item.outcome.is_clean)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._rounds.aclose()
