"""What Airflow is told of our errors, and a connection that it does not know."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.hooks.airflow_errors import AzureTransientError, airflow_error
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook

ABSENT = "no-such-connection"
READS: dict[str, Any] = {
    "azure_ml": lambda: AzureMLBatchHook(ABSENT).get_job("j"),
    "azure_ml, asyncio": lambda: asyncio.run(AzureMLBatchHook(ABSENT).aget_job("j")),
    "onelake": lambda: OneLakeStorageHook(ABSENT).get_settings(),
    "onelake, asyncio": lambda: asyncio.run(OneLakeStorageHook(ABSENT).aget_settings()),
}


@pytest.mark.parametrize("read", READS)
def test_a_connection_that_is_not_defined_fails_at_once(
    connected: dict[str, Any], read: str
) -> None:
    """No retry defines it: worker and trigger name it, and say what to do."""
    assert ABSENT not in connected
    with pytest.raises(PermanentError, match=f"'{ABSENT}' is not defined") as caught:
        READS[read]()
    assert "create it" in str(caught.value.remedy)


def test_advice_survives_a_copy_of_the_error() -> None:
    """An executor may send the exception through pickle."""
    error = airflow_error(TransientError("busy", status=429, retry_after=9))
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copied), copied.advice.delay) == (AzureTransientError, 9)
    assert str(copied) == str(error)


def test_the_test_of_a_connection_tells_that_it_is_not_defined(connected: dict[str, Any]) -> None:
    """The button in the UI gives a sentence, no traceback."""
    assert ABSENT not in connected
    good, words = AzureMLBatchHook(ABSENT).test_connection()
    assert not good
    assert ABSENT in words
