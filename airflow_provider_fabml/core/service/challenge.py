"""A claims challenge: the service wants a new token, with claims that it names.

Continuous access evaluation answers 401 with
``WWW-Authenticate: Bearer …, error="insufficient_claims", claims="<base64>"``
(Microsoft Entra, "Claims challenges, claims requests and client capabilities").
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fabml.core.service.http import Response

_CLAIMS = re.compile(r"(?i)\bBearer\b.*?\bclaims=\"([^\"]+)\"")


def claims_of(response: Response) -> str | None:
    """The claims request (JSON text) of a challenge; None where the answer is none."""
    if response.status != 401:
        return None
    found = _CLAIMS.search(response.headers.get("www-authenticate", ""))
    if found is None:
        return None
    text = found.group(1)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
