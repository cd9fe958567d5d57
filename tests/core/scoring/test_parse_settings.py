"""Job settings in any spelling become the service's fields."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.scoring.parse_settings import parse_settings
from airflow_provider_fabml.core.scoring.settings import TABLE, settings_to_wire

FORMS: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(1, 10**6),
    "seconds": st.integers(1, 10**6),
    "boolean": st.booleans(),
    "text": st.from_regex(r"[a-z]{1,20}", fullmatch=True),
    "file name": st.from_regex(r"[a-z]{1,8}\.csv", fullmatch=True),
    "level": st.sampled_from(["Info", "Warning", "Debug"]),
    "tags": st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.text(max_size=9)),
}
SETTINGS = st.fixed_dictionaries({}, optional={row.name: FORMS[row.form] for row in TABLE})


def snake(name: str) -> str:
    """``MiniBatchSize`` becomes ``mini_batch_size``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@given(SETTINGS)
def test_every_spelling_gives_the_same_wire(settings: dict[str, Any]) -> None:
    """Fabric's names, snake_case and text rendered by Jinja mean the same; parsing twice as well."""
    parsed = parse_settings(settings)
    assert parse_settings(parsed) == parsed
    assert parse_settings({snake(name): value for name, value in settings.items()}) == parsed
    rendered = {n: v if isinstance(v, dict) else f"{v}" for n, v in settings.items()}
    assert parse_settings(rendered) == parsed
    assert settings_to_wire(parsed) == settings_to_wire(parse_settings(rendered))


@given(SETTINGS)
def test_the_wire_fits_the_specification(settings: dict[str, Any]) -> None:
    """Bags map text to text and durations are ISO 8601, as the service's BatchJob has them."""
    wire = settings_to_wire(parse_settings(settings))
    assert all(isinstance(value, str) for value in wire.get("properties", {}).values())
    assert re.fullmatch(r"PT\d+S", wire.get("retrySettings", {}).get("timeout", "PT1S"))
    json.dumps(wire)


@pytest.mark.parametrize(
    "written",
    [
        {"RetrySettings": {"MaxRetries": 3, "Timeout": "PT30S"}},
        {"retry_settings": {"max_retries": "3", "timeout": " 30 "}},
        {"max_retries": 3, "RetryTimeout": 30},
    ],
)
def test_retry_settings_have_three_spellings(written: dict[str, Any]) -> None:
    """The nested form of the REST body, that of the SDK, and the flat one."""
    wire = settings_to_wire(parse_settings(written))
    assert wire == {"retrySettings": {"maxRetries": 3, "timeout": "PT30S"}}


def test_a_number_longer_than_64_bits_is_refused_not_converted() -> None:
    """Python itself refuses to convert a text of 5000 digits."""
    with pytest.raises(ValueError, match="whole number"):
        parse_settings({"MiniBatchSize": "9" * 5000})


def test_no_settings_are_no_settings() -> None:
    """None is an empty mapping, and the SDK's ``instance_count`` is Fabric's ComputeInstanceCount."""
    assert parse_settings(None) == {}
    assert parse_settings({"instance_count": 2}) == {"ComputeInstanceCount": 2}
