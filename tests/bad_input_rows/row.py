"""One row of the bad-input table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class BadInput(NamedTuple):
    """A call of the pure core that is refused before any request.

    :param id: what is wrong, for the test's name.
    :param call: runs the parse; takes nothing.
    :param rule: the one rule that refuses it (``UsageError.rule``).
    :param field: a part of the field the message names.
    :param secret: a text in the value that the message must not show.
    """

    id: str
    call: Callable[[], Any]
    rule: str
    field: str = ""
    secret: str = ""
