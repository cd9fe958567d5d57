"""Claims (`core.arrivals.claim`) in storage: made once, and handed on by compare and swap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.core.arrivals.claim import Claim, read_claim, to_bytes
from airflow_provider_fabml.core.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.clients.storage import StorageClient
    from airflow_provider_fabml.core.storage.location import Location

# Who loses a race this often meets a crowd: its next try finds out who holds it.
RACES = 5
LARGEST = 64 * 1024


def take_claim(
    storage: StorageClient, place: Location, mine: Claim, refuse: Callable[[Claim], None]
) -> None:
    """Hold the claim afterwards: it was free, ours already, or `refuse` let its holder pass.

    :param refuse: called with a holder that is another run; raises where that run comes first.
    :raises TransientError: others took it again and again; and errors of `StorageClient`.
    """
    for _ in range(RACES):
        if storage.create(place, to_bytes(mine)):
            return
        # The version first: what is read after it is it, or newer, and then it is not replaced.
        held = storage.head(place)
        if held is None:
            continue
        holder = read_claim(storage.read_start(place, LARGEST))
        if holder is not None and holder.is_of(mine):
            return
        if holder is not None:
            refuse(holder)
        if storage.replace(place, to_bytes(mine), held.etag):
            return
    raise TransientError(f"{place.url} changes hands all the time", remedy="let the task try again")
