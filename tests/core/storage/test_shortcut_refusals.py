"""Paths, rows and fields of OneLake that cannot work are refused before anything is asked."""

from __future__ import annotations

import pytest
from support.fabric import FAR, LAKE, WORKSPACE

from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.location import check_path_shape
from airflow_provider_fabml.core.storage.mapping import parse_mapping

ONELAKE = "https://westeurope-onelake.blob.fabric.microsoft.com"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("Sales/Raw/Files/x", "lakehouse-type-missing"),
        (f"{ONELAKE}/Sales/Raw/Files/x", "lakehouse-type-missing"),
        ("abfss://Sales@onelake.dfs.fabric.microsoft.com/Raw/Tables/t", "lakehouse-type-missing"),
        ("Sales/Raw./Files/x", "lakehouse-type-missing"),
        (f"{WORKSPACE}/Raw.Lakehouse/Files/x", "lakehouse-mixed"),
        (f"Sales/{LAKE}/Files/x", "lakehouse-mixed"),
        (f"{ONELAKE}/{WORKSPACE}/Raw.Lakehouse/Files", "lakehouse-mixed"),
        ("/Raw.Lakehouse/Files/x", "uri-scheme"),
        ("a/b/c/Files/x", "uri-scheme"),
        ("Files//x", "path-double-slash"),
        ("Files/../Tables", "path-dot-segment"),
        ("Sales/../Files/x", "path-dot-segment"),
        ("Files/a\\b", "path-backslash"),
        ("Files/a\nb", "uri-control-character"),
        ("Files/x ", "uri-whitespace"),
        ("Files/date=None", "uri-none"),
        ("Files/x?sv=1&sig=abc", "uri-sas"),
        ("https://onelake.fabric.microsoft.com/Sales/Raw.Lakehouse/Files", "uri-host"),
        (
            "https://evil-onelake.blob.fabric.microsoft.com.evil.test/w/l.Lakehouse/Files",
            "uri-host",
        ),
        ("https://onelake.blob.fabric.microsoft.com/", "uri-container-missing"),
    ],
)
def test_a_path_is_refused_when_the_dag_is_parsed(path, rule):
    """By its shape alone; the message shows no signature."""
    with pytest.raises(UsageError) as refused:
        check_path_shape(path, field="path")
    assert refused.value.rule == rule
    assert "abc" not in str(refused.value)


@pytest.mark.parametrize(
    "path", ["Files/{{ ds }}", "{{ lakehouse }}/Files", "Raw.Lakehouse/Files/x"]
)
def test_what_the_connection_may_still_complete_passes(path):
    """A template, and a lakehouse whose workspace the connection names."""
    check_path_shape(path, field="path")


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"lakehouse": "Raw.Lakehouse"}, "lakehouse-shape"),
        ({"lakehouse": "Sales/Raw.Lakehouse/Files"}, "lakehouse-shape"),
        ({"lakehouse": "Sales/Raw"}, "lakehouse-type-missing"),
        ({"lakehouse": f"{WORKSPACE}/Raw.Lakehouse"}, "lakehouse-mixed"),
        ({"lakehouse": 5}, "mapping-value"),
        ({"shortcut": "a+b"}, "mapping-shortcut-name"),
        ({"shortcut": "Files/a%20b"}, "mapping-shortcut-name"),
        ({"shortcut": "a//b"}, "path-double-slash"),
    ],
)
def test_a_mapping_row_is_refused_when_it_is_read(row, rule):
    """A lakehouse that OneLake would not find, and names that no shortcut has."""
    whole = {"shortcut": "d", "account": "acct", "container": "lake", **row}
    with pytest.raises(UsageError) as refused:
        parse_mapping([whole], "mapping")
    assert refused.value.rule == rule


@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        ({"lakehouse": "Raw"}, "lakehouse-shape"),
        ({"lakehouse": f"{WORKSPACE}/Raw.Lakehouse"}, "lakehouse-mixed"),
        ({"shortcuts": "Fabric"}, "fabric-shortcuts"),
        ({"shortcuts": True}, "fabric-shortcuts"),
        ({"shortcuts": "mapping", "fabric_api": "https://f.test"}, "fabric-api-unused"),
        ({"shortcuts": "fabric", "auth": "sas", "sas_token": "sig=x"}, "fabric-identity"),
        *(
            ({"shortcuts": "fabric", "fabric_api": url}, "fabric-api-url")
            for url in (
                "http://127.0.0.1:1", "https://f.test/v1", "https://f.test?x=1", "https://u@f.test",
                "f.test", "https://f.test\\@evil.test", "https://", "https://f%2etest", "https://f.test#x",
            )
        ),
    ],
)  # fmt: skip
def test_a_connection_is_refused_when_it_is_read(extra, rule):
    """A lakehouse, an oracle or an API that cannot be asked with a token."""
    with pytest.raises(UsageError) as refused:
        parse_storage_connection(
            host="https://acct.blob.core.windows.net", extra=extra, field="connection 'c'"
        )
    assert refused.value.rule == rule
    assert refused.value.field.startswith("connection 'c'")


def test_the_default_is_the_mapping_alone():
    """Nothing is asked of Fabric unless the connection says so; then at its public address."""
    assert parse_storage_connection(field="c").fabric_api is None
    settings = parse_storage_connection(
        extra={"shortcuts": "fabric", "lakehouse": f"{WORKSPACE}/{FAR}"}, field="c"
    )
    assert settings.fabric_api == "https://api.fabric.microsoft.com"
    assert str(settings.lakehouse) == f"{WORKSPACE}/{FAR}"
