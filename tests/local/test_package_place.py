"""The tests test what they think they test."""

from __future__ import annotations

import os
from pathlib import Path

import airflow_provider_fabml


def test_the_package_under_test_lies_where_it_should():
    """In CI it is the installed wheel in site-packages, elsewhere the checkout beside the tests."""
    place = Path(airflow_provider_fabml.__file__).resolve()
    if os.environ.get("FABML_UNDER_TEST") == "wheel":
        assert "site-packages" in place.parts
        assert "checkout" not in place.parts
    else:
        assert place.parents[1] == Path(__file__).resolve().parents[2]
