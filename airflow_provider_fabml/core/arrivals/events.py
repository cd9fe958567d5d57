"""What an asset event says of a partition, and how soon the next look comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.storage.landing import landing

if TYPE_CHECKING:
    from airflow_provider_fabml.core.arrivals.cursor import Tail
    from airflow_provider_fabml.core.arrivals.survey import Partition
    from airflow_provider_fabml.core.storage.location import Location

# A listing that failed is not repeated sooner than this doubles up to, nor later.
LONGEST_PAUSE = 300.0


def facts(root: Location, partition: Partition) -> dict[str, Any]:
    """Give a complete partition as plain JSON, with a key that is the same for the same data.

    `root` is any place in the partition's container.
    """
    place = root._replace(path=partition.folder)
    found = landing(place, partition.verdict)
    del found["sample"]
    digest = partition.verdict.digest
    return {
        "partition": partition.key,
        "idempotency_key": _unique(place, digest),
        "location": place.to_json(),
        **found,
    }


def tail_facts(root: Location, tail: Tail) -> dict[str, Any]:
    """Say that something at or below a key changed, which is too old to be told one by one."""
    return {
        "partition": None,
        "idempotency_key": _unique(root, f"up-to-{tail.floor}-{tail.digest}"),
        "location": root.to_json(),
        "up_to": tail.floor,
        "partitions": tail.partitions,
        "bytes": tail.size,
        "digest": tail.digest,
    }


def _unique(place: Location, digest: str) -> str:
    return f"{place.account}/{place.container}/{place.path}@{digest}"


def pause(
    poll_interval: float, *, failures: int, jitter: float, retry_after: float | None = None
) -> float:
    """Give the seconds until the next look; they double with each failure in a row.

    :param failures: how many looks in a row have failed.
    :param jitter: in [0, 1); spreads many watchers over a tenth of the interval either way.
    :param retry_after: seconds the service asked to wait.
    """
    longest = max(LONGEST_PAUSE, poll_interval)
    wait = min(poll_interval * 2.0 ** min(failures, 30), longest) * (0.9 + 0.2 * jitter)
    return max(wait, retry_after or 0.0)
