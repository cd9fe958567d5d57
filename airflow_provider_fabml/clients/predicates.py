"""A user's predicate is imported by its path; what goes wrong in it says so."""

from __future__ import annotations

import importlib
from functools import reduce
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.errors import PermanentError

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.core.storage.rules import Predicate


def load_predicate(path: str | None) -> Predicate | None:
    """Import ``module:function``.

    :raises PermanentError: if it cannot be imported; the function it gives raises it as well.
    """
    if path is None:
        return None
    module, _, name = path.partition(":")
    try:
        function: Any = reduce(getattr, name.split("."), importlib.import_module(module))
    except Exception as error:
        raise PermanentError(
            f"The predicate {path} cannot be imported here ({type(error).__name__}: {error}).",
            remedy="Install its module where workers and triggerer run.",
        ) from error

    def predicate(file: str, size: int, etag: str, last_modified: datetime) -> bool:
        try:
            return bool(function(file, size, etag, last_modified))
        except Exception as error:
            raise PermanentError(
                f"The predicate {path} failed for {file} ({type(error).__name__}: {error}).",
                remedy="It takes name, size, etag and last_modified and returns True or False.",
            ) from error

    return predicate
