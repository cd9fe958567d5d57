"""Errors say what to do, and nothing that is secret."""

from __future__ import annotations

import pytest

from airflow_provider_fabml.core.errors import (
    FabmlError,
    PermanentError,
    TransientError,
    UsageError,
)


def test_an_error_says_what_happened_what_to_try_and_where_to_look() -> None:
    """Each part stands on a line of its own, and only where it is known."""
    assert str(FabmlError("It broke.")) == "It broke."
    full = PermanentError("It broke.", status=404, remedy="mend it", url="https://ml.azure.com/x")
    assert str(full) == "It broke.\nRemedy: mend it\nSee: https://ml.azure.com/x"
    assert full.status == 404
    assert TransientError("later", status=429, retry_after=3).retry_after == 3


@pytest.mark.parametrize(
    "value",
    [
        "https://acc.blob.core.windows.net/c?sv=1&sig=hunter2%3D&se=2",
        {"Uri": "https://a.blob.core.windows.net/c?SIG=hunter2"},
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2==;EndpointSuffix=x",
        "BlobEndpoint=https://a;SharedAccessSignature=hunter2",
        ["https://bob:hunter2@proxy:8080", "abfss://c@acc.dfs.core.windows.net/x"],
    ],
)
def test_a_refused_value_shows_no_secret_of_a_known_form(value: object) -> None:
    """Signatures, account keys and passwords are struck out, and the rest can still be read."""
    error = UsageError(rule="r", field="f", value=value, reason="no", remedy="other")
    assert "hunter2" not in str(error)
    assert "***" in str(error)


def test_a_long_value_is_cut() -> None:
    """A message stays readable whatever was passed."""
    error = UsageError(rule="r", field="f", value="x" * 999, reason="too long", remedy="shorten it")
    assert str(error) == f"f = '{'x' * 199}…: too long\nRemedy: shorten it"
