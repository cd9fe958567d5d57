"""Does a text hold a secret: a password or key that was used, a token, a signature."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# A JSON Web Token, and a storage signature.
_FORMS = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.|[?&]sig=[A-Za-z0-9%]{20,}")


def secrets_in(text: str, known: Iterable[str]) -> list[str]:
    """The first characters of each secret in the text."""
    told = [secret[:6] for secret in known if secret and secret in text]
    return told + [found.group(0)[:12] for found in _FORMS.finditer(text)]


def passwords(connections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The secrets of Airflow connections."""
    return [str(row["password"]) for row in connections.values() if row.get("password")]
