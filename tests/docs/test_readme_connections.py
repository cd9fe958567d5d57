"""The README's tables of connection fields are the forms, and the forms are what is read."""

from __future__ import annotations

import json
import re

import pytest
from support.markdown import quoted, read, section, tables

from airflow_provider_fabml.core.connections.azure_ml_connection import parse_azure_ml_connection
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.mapping import MappingRow
from airflow_provider_fabml.get_provider_info import get_provider_info

SECTION = section(read("README.md"), "Use it with Azure")
FORMS = {form["connection-type"]: form for form in get_provider_info()["connection-types"]}
TABLES = dict(zip(("azure_ml", "onelake"), tables(SECTION), strict=False))
STANDARD = {"host", "login", "password", "port", "schema"}
GUID = "00000000-0000-0000-0000-000000000001"
PEM = "-----BEGIN CERTIFICATE-----"
ROW = '[{"shortcut": "Files/x", "account": "lake", "container": "trusted"}]'
WORKSPACE = {"subscription_id": GUID, "resource_group": "rg", "workspace_name": "trusted-ml"}
CUSTOM = {
    "cloud": "custom",
    "resource_manager_url": "https://a.test",
    "authority_host": "https://b.test",
}
PRINCIPAL = {"auth": "service_principal", "tenant_id": GUID}
CERTIFICATE = {"auth": "service_principal_certificate", "tenant_id": GUID, "certificate_path": "/a"}
PEM_ALONE = {"auth": "service_principal_certificate", "tenant_id": GUID, "certificate_data": PEM}

# For each field: the other fields it stands among, and another value than there (None: left out).
AZURE_ML = {
    "subscription_id": ({}, GUID.replace("1", "2")),
    "resource_group": ({}, "other"),
    "workspace_name": ({}, "other-ml"),
    "auth": ({}, "managed_identity"),
    "tenant_id": (PRINCIPAL, "contoso.com"),
    "certificate_path": (CERTIFICATE, "/b"),
    "certificate_data": (PEM_ALONE, f"{PEM}2"),
    "certificate_password": (CERTIFICATE, "word"),
    "token_file": ({"auth": "workload_identity"}, "/token"),
    "cloud": ({}, "AzureChinaCloud"),
    "resource_manager_url": (CUSTOM, "https://c.test"),
    "authority_host": (CUSTOM, "https://c.test"),
    "arm_audience": (CUSTOM, "https://c.test"),
    "ml_audience": ({}, "https://ml.azure.cn"),
    "allowed_hosts": ({}, ".privatelink.contoso.com"),
    "ca_bundle": ({}, "/ca.pem"),
    "connect_timeout": ({}, "3"),
    "read_timeout": ({}, "5"),
    "proxies": ({}, '{"https": "http://proxy.test:8080"}'),
}
ONELAKE = {
    "auth": ({}, "managed_identity"),
    "mapping": ({}, ROW),
    "lakehouse": ({}, "Sales/Raw.Lakehouse"),
    "shortcuts": ({}, "fabric"),
    "fabric_api": ({"shortcuts": "fabric"}, "https://f.test"),
    "queue_endpoint": ({}, "https://queues.contoso.com"),
    "tenant_id": (PRINCIPAL, "contoso.com"),
    "client_id": ({"auth": "managed_identity"}, "client"),
    "sas_token": ({"auth": "sas", "sas_token": "sig=a"}, "sig=b"),
    "connection_string": (
        {"auth": "connection_string", "connection_string": "AccountName=a"},
        "AccountName=b",
    ),
    "certificate_path": (CERTIFICATE, "/b"),
    "certificate_data": (PEM_ALONE, f"{PEM}2"),
    "certificate_password": (CERTIFICATE, "word"),
    "token_file": ({"auth": "workload_identity"}, "/token"),
    "authority_host": ({}, "https://login.microsoftonline.us"),
    "ca_bundle": ({}, "/ca.pem"),
}
SAMPLES = {"azure_ml": AZURE_ML, "onelake": ONELAKE}
CASES = [(kind, name) for kind, fields in SAMPLES.items() for name in fields]


def parsed(kind: str, fields: dict) -> object:
    """Return the value that a connection with these extra fields becomes."""
    principal = str(fields.get("auth", "")).startswith("service_principal")
    login = "client" if principal else None
    password = "secret" if fields.get("auth") == "service_principal" else None
    if kind == "azure_ml":
        extra = {**WORKSPACE, **fields}
        return tuple(parse_azure_ml_connection(extra, login=login, password=password, name="x"))
    host = "https://lake.blob.core.windows.net"
    return parse_storage_connection(
        host=host, login=login, password=password, extra=fields, field="x"
    )


def told(kind: str) -> list[str]:
    """Return the fields of a README table."""
    names = [name for row in TABLES[kind] for name in row[0].split(",")]
    return [name.strip().strip("`") for name in names]


@pytest.mark.parametrize("kind", FORMS)
def test_the_table_is_the_form(kind):
    """Each field of the form is in the table, once, and no other."""
    form = FORMS[kind]
    shown = STANDARD - set(form["ui-field-behaviour"]["hidden-fields"])
    assert sorted(told(kind)) == sorted({*form["conn-fields"], *(shown - {"port", "schema"})})
    assert {"port", "schema"} & shown == set()


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("field", ["auth", "cloud", "shortcuts"])
def test_the_table_has_each_choice(kind, field):
    """The words of a field with choices are the form's."""
    schema = FORMS[kind]["conn-fields"].get(field, {}).get("schema")
    rows = [row for row in TABLES[kind] if f"`{field}`" in row[0]]
    assert [set(quoted(row[1])) for row in rows] == ([set(schema["enum"])] if schema else [])


@pytest.mark.parametrize("kind", FORMS)
def test_the_form_has_each_field_that_is_tried(kind):
    """The samples below leave out no field."""
    assert set(SAMPLES[kind]) == set(FORMS[kind]["conn-fields"])


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_no_field_is_for_show(kind, name):
    """Another value makes another connection, the shared fields staying as they are."""
    fields, other = SAMPLES[kind][name]
    assert parsed(kind, {**fields, name: other}) != parsed(kind, fields)


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_that_was_not_filled_in_counts_as_empty(kind):
    """Airflow's UI sends null for what was left out; that equals leaving it out."""
    empty = dict.fromkeys(set(FORMS[kind]["conn-fields"]) - {*WORKSPACE, "auth"})
    assert parsed(kind, empty) == parsed(kind, {})


def test_the_mappings_keys_are_all_there():
    """The row of `mapping` names each key, with an example that is taken."""
    (meaning,) = [row[1] for row in TABLES["onelake"] if row[0] == "`mapping`"]
    example = json.loads(quoted(meaning)[0].replace("…", '"lake"'))
    optional = [word.strip('"') for word in quoted(meaning)[1:]]
    assert {*example, *optional} == set(MappingRow._fields)
    assert parse_storage_connection(extra={"mapping": [example]}, field="x").mapping


def test_the_environment_variable_is_the_default_connections():
    """Its name is made of the connection id that operators use unless told otherwise."""
    from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook
    from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook

    ids = re.findall(r"^Connection \*\*`(\w+)`\*\*, type \*([^*]+)\*", SECTION, re.MULTILINE)
    hooks = (AzureMLBatchHook, OneLakeStorageHook)
    assert ids == [(hook.default_conn_name, hook.hook_name) for hook in hooks]
    assert f"`AIRFLOW_CONN_{AzureMLBatchHook.default_conn_name.upper()}`" in SECTION


def test_a_wasb_connection_serves():
    """One without our fields is read by what it holds."""
    settings = parse_storage_connection(login="lake", password="a2V5", extra={}, field="x")
    assert (settings.auth, settings.endpoint) == (
        "account_key",
        "https://lake.blob.core.windows.net",
    )


def test_an_unknown_choice_is_refused():
    """The choices are not decoration: a word of no form is refused."""
    for kind in FORMS:
        with pytest.raises(UsageError):
            parsed(kind, {"auth": "certificate"})
