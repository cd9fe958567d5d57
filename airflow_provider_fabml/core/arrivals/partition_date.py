"""How the date of a partition stands in its key: ``2026-01-31``, or ``2026-01-31T0730``."""

from __future__ import annotations

from datetime import datetime
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES = "YmdHM"
_EXAMPLE = {"c_Y": "2026", "c_m": "01", "c_d": "31", "c_H": "07", "c_M": "30"}
# What stands before a code in a key. A colon would be no name of a folder.
_BEFORE = {"Y": "", "m": "-", "d": "-", "H": "T", "M": ""}


def date_text(values: Mapping[str, str], codes: str) -> str:
    """Give the date as a key has it; `values` are digits by group, ``c_Y`` and so on."""
    return "".join(f"{_BEFORE[code]}{values[f'c_{code}']}" for code in codes)


def date_example(codes: str) -> str:
    """Give a date as a key of these codes has it."""
    return date_text(_EXAMPLE, codes)


def date_pattern(codes: str) -> str:
    """Match the date of a key, with a group for each code."""
    return "".join(f"{_BEFORE[code]}(?P<c_{code}>{digits(code)})" for code in codes)


def digits(code: str) -> str:
    """Match what a code stands for."""
    return f"[0-9]{{{_width(code)}}}"


def is_date(values: Mapping[str, str], codes: str) -> bool:
    """Whether there is such an instant; true where no codes are asked for."""
    numbers = [int(values[f"c_{code}"]) for code in codes]
    if not numbers:
        return True
    try:
        datetime(*[*numbers, 1, 1][: max(3, len(numbers))])  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return False
    return True


def stretches(codes: str) -> dict[str, tuple[int, int]]:
    """Give each stretch of a key's date as a template writes it, and from where to where it goes.

    ``%Y-%m`` is ``(0, 7)``. Longer ones come first, so that a pattern of them takes most at a time.
    """
    found = {}
    for first, last in combinations_with_replacement(range(len(codes)), 2):
        within = codes[first : last + 1]
        text = "".join(f"{_BEFORE[code]}%{code}" for code in within)
        start = len(date_example(codes[: first + 1])) - _width(codes[first])
        end = len(date_example(codes[: last + 1]))
        found[text.removeprefix(_BEFORE[codes[first]])] = (start, end)
    return dict(sorted(found.items(), key=lambda stretch: -len(stretch[0])))


def _width(code: str) -> int:
    return len(_EXAMPLE[f"c_{code}"])
