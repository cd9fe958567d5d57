"""What was told of a tree, in bounded space, and what of a new look is news.

The rule: a tree is made of *units*, and a unit is told exactly when its digest differs from the one
last told. A unit is a single partition above the *floor*. When more than the allowed number are
remembered, those with the smallest keys are forgotten one by one and the floor rises to the greatest
of them; it never sinks. All partitions at or below the floor are together one unit, the *tail*, whose
digest is the sum over them. So nothing that is new or changed goes untold, however old its key is;
nothing that stays as it is is told twice; and what is forgotten costs one wake-up that names no
partition, after which storage decides (a router compares partition by partition anyway).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.arrivals.short_digest import short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_fabml.core.arrivals.survey import Partition

    Order = Callable[[str], tuple[str, str]]

# 1,000 dates with a digest of 64 bits are some 32 kB; Airflow wants a value below 64 kB.
REMEMBERED = 1000
# Airflow fails a watcher whose events of one look are not in its database within five minutes.
AT_ONCE = 100
_TAIL_BITS = 128


class Cursor(NamedTuple):
    """What was told: a digest for each remembered partition, and one for all below the floor."""

    told: Mapping[str, str]
    floor: str | None = None
    tail: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON for the asset's state."""
        return {"told": dict(self.told), "floor": self.floor, "tail": self.tail}


NOTHING = Cursor({})


class Tail(NamedTuple):
    """The partitions at or below `floor` as one, by their number, size in bytes and digest."""

    floor: str
    partitions: int
    size: int
    digest: str


class Step(NamedTuple):
    """What one look has to tell, in the order of keys, and the cursor once it was told.

    `more` partitions are news too, and are told in the next look.
    """

    arrivals: tuple[Partition, ...]
    tail: Tail | None
    cursor: Cursor
    more: int = 0


def read_cursor(value: object) -> Cursor | None:
    """Read what `to_json` gave; None for nothing, and for what this version cannot read."""
    if not isinstance(value, dict) or not isinstance(value.get("told"), dict):
        return None
    floor, tail = value.get("floor"), value.get("tail")
    told = {str(key): str(digest) for key, digest in value["told"].items()}
    return Cursor(told, floor if isinstance(floor, str) else None, str(tail or ""))


def agreed(cursors: Sequence[Cursor | None], order: Order) -> Cursor | None:
    """What all assets of one trigger were told: its events go to all of them."""
    if not cursors or None in cursors:
        return None
    first, *others = [cursor for cursor in cursors if cursor is not None]
    if all(other == first for other in others):
        return first
    told = {
        key: digest
        for key, digest in first.told.items()
        if all(other.told.get(key) == digest for other in others)
    }
    floors = [cursor.floor for cursor in (first, *others) if cursor.floor is not None]
    return Cursor(told, max(floors, key=order, default=None))


def step(
    cursor: Cursor,
    ready: Mapping[str, Partition],
    order: Order,
    *,
    limit: int = REMEMBERED,
    at_once: int = AT_ONCE,
) -> Step:
    """Compare a look with what was told.

    :param ready: the complete partitions of the tree, by key; the others are not told.
    :param order: the order of keys (`PartitionTemplate.order`).
    :param limit: how many partitions are remembered one by one.
    :param at_once: how many are told in one look, the smallest keys first.
    """
    single = [key for key in ready if not _is_below(key, cursor.floor, order)]
    new = sorted((k for k in single if cursor.told.get(k) != _short(ready[k])), key=order)
    now, later = new[:at_once], new[at_once:]
    tail = _tail(ready, cursor.floor, order)
    told = {**cursor.told, **{key: _short(ready[key]) for key in now}}
    return Step(
        tuple(ready[key] for key in now),
        tail if tail is not None and tail.digest != cursor.tail else None,
        _bounded(cursor._replace(told=told), ready, order, limit, untold=later[:1]),
        len(later),
    )


def _bounded(
    cursor: Cursor,
    ready: Mapping[str, Partition],
    order: Order,
    limit: int,
    untold: Sequence[str],
) -> Cursor:
    """Forget the smallest keys, up to what is still untold: all in the tail has just been told."""
    keys = sorted(cursor.told, key=order)
    forgotten = [
        key
        for key in keys[: max(len(keys) - limit, 0)]
        if all(order(key) < order(other) for other in untold)
    ]
    floor = max(
        [*forgotten[-1:], *([cursor.floor] if cursor.floor else [])], key=order, default=None
    )
    kept = {key: cursor.told[key] for key in keys if not _is_below(key, floor, order)}
    tail = _tail(ready, floor, order)
    return Cursor(kept, floor, tail.digest if tail else "")


def _is_below(key: str, floor: str | None, order: Order) -> bool:
    return floor is not None and order(key) <= order(floor)


def _tail(ready: Mapping[str, Partition], floor: str | None, order: Order) -> Tail | None:
    if floor is None:
        return None
    below = [one for key, one in ready.items() if _is_below(key, floor, order)]
    total = sum(_fingerprint(one) for one in below) % (1 << _TAIL_BITS)
    return Tail(floor, len(below), sum(one.verdict.bytes for one in below), f"{total:032x}")


def _fingerprint(partition: Partition) -> int:
    text = f"{partition.key}\0{partition.verdict.digest}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[: _TAIL_BITS // 8], "big")


def _short(partition: Partition) -> str:
    return short(partition.verdict.digest)
