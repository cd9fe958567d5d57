"""Something of several servers: started together, and ended for certain."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import Self


class Started(ABC):
    """`with` it: what `_start` has begun is ended at the end, and where `_start` fails."""

    _ends = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            self._start(ends)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    @abstractmethod
    def _start(self, ends: contextlib.ExitStack) -> None:
        """Start all, and tell `ends` how each is ended."""
