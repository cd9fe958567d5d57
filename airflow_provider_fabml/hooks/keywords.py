"""Keywords that no class of an operator's line takes, most likely misspelt ones."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.options import check_keywords

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_operator_keywords(kind: type, given: Mapping[str, Any]) -> None:
    """Refuse what Airflow would refuse without saying which keyword was meant.

    :param kind: the operator's class; a user's own may take more than ours.
    :raises UsageError: rule ``keyword-unknown``.
    """
    # Airflow adds some of its own while it maps tasks, which no signature has.
    named = {name: value for name, value in given.items() if not name.startswith("_airflow")}
    check_keywords(named, _known(kind), of=kind.__name__)


@functools.cache
def _known(kind: type) -> frozenset[str]:
    """What the constructors of a class and of those that it comes from take by name."""
    own = [vars(one)["__init__"] for one in kind.__mro__ if "__init__" in vars(one)]
    taken = [one for init in own for one in inspect.signature(init).parameters.values()]
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return frozenset(one.name for one in taken if one.kind not in variadic) - {"self"}
