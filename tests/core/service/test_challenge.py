"""Claims challenges are told from other refusals, and read."""

from __future__ import annotations

import base64

import pytest

from airflow_provider_fabml.core.service.challenge import claims_of
from airflow_provider_fabml.core.service.http import Response

CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1701"}}}'
WORDS = base64.b64encode(CLAIMS.encode()).decode()
HEAD = 'Bearer realm="", authorization_uri="https://login/", error="insufficient_claims", claims='


@pytest.mark.parametrize("text", [WORDS, WORDS.rstrip("=")])
def test_the_claims_are_read(text: str) -> None:
    """With and without base64's padding."""
    assert claims_of(Response(401, {"www-authenticate": f'{HEAD}"{text}"'}, None)) == CLAIMS


@pytest.mark.parametrize(
    ("status", "header"),
    [
        (403, f'{HEAD}"{WORDS}"'),
        (401, None),
        (401, 'Bearer error="invalid_token"'),
        (401, f'{HEAD}"no base64!"'),
        (401, f'{HEAD}"{base64.b64encode(bytes([255])).decode()}"'),
    ],
)
def test_any_other_refusal_is_none(status: int, header: str | None) -> None:
    """Another status, no challenge, or one that cannot be read."""
    headers = {} if header is None else {"www-authenticate": header}
    assert claims_of(Response(status, headers, None)) is None
