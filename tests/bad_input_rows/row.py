"""One row of the bad-input table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from airflow_provider_fabml.core.errors import UsageError


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

    def check(self, error: UsageError) -> None:
        """Hold a refusal against the row: its message names field, value, reason and remedy."""
        assert error.rule == self.rule
        assert error.field in str(error)
        assert self.field in error.field
        shown, _, rest = str(error).removeprefix(f"{error.field} = ").partition(f": {error.reason}")
        assert shown, "the value is not shown"
        assert "Remedy: " in rest
        if self.secret:
            assert self.secret not in str(error)
        elif len(repr(error.value)) <= 200:
            assert shown == repr(error.value)
