"""Storage's refusals and its token issuer's, told apart."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core import exceptions as azure

from airflow_provider_fabml.clients.storage import StorageClient
from airflow_provider_fabml.clients.storage_aio import AsyncStorageClient
from airflow_provider_fabml.clients.storage_errors import storage_error
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.errors import FabmlError, PermanentError, TransientError
from airflow_provider_fabml.core.retry_advice import LONGEST_DELAY
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.readiness import Rules

PLACE = Location("lake", "c", "d", "https://lake.blob.core.windows.net")
# Entra's own shape of an error, with its code of a tenant that is throttled.
BUSY = '{"error": "temporarily_unavailable", "error_description": "AADSTS90055: too many requests"}'
SENT = "Fri, 31 Dec 1999 23:59:00 GMT"


class Answer:
    """As much of an HTTP answer as azure-core's errors keep."""

    reason = "x"

    def __init__(self, status: int, **headers: str) -> None:
        self.status_code = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def translated(error: azure.AzureError) -> Any:
    """What becomes of azure-core's error."""
    made: FabmlError = storage_error(error, PLACE)
    return made


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_issuers_own_trouble_passes(status: int) -> None:
    """Its status stands in the text of an error only (msal 1.34 throttled_http_client)."""
    error = azure.ClientAuthenticationError(f"Authentication failed: HTTP Error: {status}")
    made = translated(error)
    assert (type(made), made.status) == (TransientError, status)


@pytest.mark.parametrize(
    "text", ["AADSTS7000215: Invalid client secret", "HTTP Error: 400", "no identity found"]
)
def test_a_refused_identity_does_not_pass(text: str) -> None:
    """A wrong secret stays wrong."""
    assert type(translated(azure.ClientAuthenticationError(text))) is PermanentError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7),
        ({"retry_after": "7"}, 7),
        ({"Retry_After": "Fri, 31 Dec 1999 23:59:30 GMT", "Date": SENT}, 30),
        ({"Retry_After": "99999999"}, LONGEST_DELAY),
        ({}, None),
    ],
)
def test_the_delay_that_storage_asks_for_is_told(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds or a date, bounded."""
    made = translated(azure.HttpResponseError("busy", response=Answer(503, **headers)))
    assert (type(made), made.retry_after) == (TransientError, seconds)


@pytest.mark.azurite
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_real_issuer_that_is_busy_passes(cloud: Any, status: int) -> None:
    """The emulator's issuer answers so, and both storage clients leave it to the caller to wait."""
    settings = parse_storage_connection(
        host=cloud.place.endpoint,
        password=cloud.secret,
        extra={**cloud.fields, "auth": "service_principal"},
        field="test",
    )

    async def look() -> Any:
        async with AsyncStorageClient(settings, retry_total=0) as client:
            return await client.probe(cloud.place, Rules())

    def look_here() -> Any:
        with StorageClient(settings, retry_total=0) as client:
            return client.probe(cloud.place, Rules())

    fault = {"method": "POST", "path": "/oauth2/", "status": status, "times": 50}
    cloud.emulator.control.add_fault(**fault, retry_after="0", body=BUSY)
    with ThreadPoolExecutor() as beside:  # each waits for seconds between its retries
        acts = [beside.submit(look_here), beside.submit(lambda: asyncio.run(look()))]
    for act in acts:
        with pytest.raises(TransientError, match=r"token issuer|no token"):
            act.result()
    cloud.emulator.control.clear_faults()
    assert look_here().count == 1
