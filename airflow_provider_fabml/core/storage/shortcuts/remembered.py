"""A bounded memory of answers that grow old; the time is the caller's."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Keeps at most `most` values, each for `age` seconds; the one longest unused goes first."""

    def __init__(self, most: int, age: float) -> None:
        self._most, self._age = most, age
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K, now: float, age: float | None = None) -> V | None:
        """The value, if it is there and younger than its age, or than the `age` asked for."""
        at, value = self._kept.get(key, (None, None))
        if at is None or now - at >= (self._age if age is None else age):
            return None
        self._kept.move_to_end(key)
        return value

    def put(self, key: K, value: V, now: float) -> None:
        """Keep a value from now on."""
        self._kept[key] = (now, value)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)
