"""Inputs and outputs as callers write them become one typed value each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.scoring.job_io import (
    DATA_TYPES,
    CustomModel,
    LiteralInput,
    UriFile,
    UriFolder,
    input_to_wire,
    output_to_wire,
    type_name,
)
from airflow_provider_fabml.core.scoring.parse_io import (
    parse_inputs,
    parse_output_root,
    parse_outputs,
)
from airflow_provider_fabml.core.storage.uri import DatastoreUri

PLACE = "azureml://datastores/trusted_blob/paths/heart"


@pytest.mark.parametrize("name", DATA_TYPES)
@pytest.mark.parametrize("spell", [str, str.upper, str.lower], ids=["Fabric", "upper", "lower"])
def test_fabric_and_python_spell_the_same_value(name: str, spell) -> None:
    """Keys and type names of the dictionary form match in any case, as the service matches them."""
    written = {spell("JobInputType"): spell(name), spell("Uri"): PLACE, spell("Mode"): "download"}
    typed = DATA_TYPES[name](PLACE, "download")
    assert parse_inputs({"heart": written}) == parse_inputs({"heart": typed}) == {"heart": typed}


@given(
    st.one_of(
        st.text(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_a_literal_keeps_its_json_type(value: object) -> None:
    """A literal reaches the wire as it was given, in both spellings."""
    for written in (LiteralInput(value), {"JobInputType": "literal", "Value": value}):  # type: ignore[arg-type]
        (parsed,) = parse_inputs({"x": written}).values()
        wire = input_to_wire(parsed)
        assert wire == {"jobInputType": "Literal", "value": value}
        assert type(wire["value"]) is type(value)


def test_outputs_without_a_place_wait_for_the_root() -> None:
    """An output may leave its URI open, and an explicit one may hold ``{attempt}``."""
    given_ = {"a": {"JobOutputType": "UriFolder"}, "b": UriFile(f"{PLACE}/{{attempt}}.csv")}
    assert parse_outputs(given_) == {"a": UriFolder(), "b": UriFile(f"{PLACE}/{{attempt}}.csv")}


def test_the_wire_has_the_services_keys() -> None:
    """A mode that was not given is not sent."""
    assert output_to_wire(UriFile(PLACE)) == {"jobOutputType": "UriFile", "uri": PLACE}
    assert input_to_wire(CustomModel(PLACE, "direct")) == {
        "jobInputType": "CustomModel",
        "uri": PLACE,
        "mode": "direct",
    }
    assert type_name(UriFolder()) == "UriFolder"


def test_a_root_is_a_datastore_folder() -> None:
    """The root comes back as the place it names."""
    assert parse_output_root(f"{PLACE}/") == DatastoreUri("trusted_blob", "heart/")


@pytest.mark.parametrize("uri", ["https://raw.contoso.com/heart.csv", "https://example.com/a/b"])
def test_an_input_may_be_a_web_address(uri: str) -> None:
    """The SDK takes an https URL of any host as an input; whether it is read only Azure ML knows."""
    assert parse_inputs({"heart": UriFile(uri)}) == {"heart": UriFile(uri)}


@pytest.mark.parametrize(
    "uri",
    ["http://example.com/a", "https://me:pw@example.com/a", "https://acct.dfs.azure.com/lake/x"],
)
def test_a_web_address_that_cannot_work_is_refused(uri: str) -> None:
    """Plain http, a password, or the host that Microsoft's page invented."""
    with pytest.raises(UsageError):
        parse_inputs({"heart": UriFile(uri)})
