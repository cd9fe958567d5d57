"""One row for each rule by which a path, rule or connection of storage is refused."""

from __future__ import annotations

from functools import partial
from typing import Any

from bad_input_rows.row import BadInput as Row

from airflow_provider_fabml.core.connections.credential import parse_credential
from airflow_provider_fabml.core.connections.queue_place import queue_location
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.storage.location import Location, parse_mapping, resolve
from airflow_provider_fabml.core.storage.storage_hosts import (
    check_destination,
    check_queue_destination,
)
from airflow_provider_fabml.core.storage.uri import parse_uri

ACCOUNT = "https://acct.blob.core.windows.net"
DATASTORE = {"account": "acct", "container": "lake", "datastore": "ds"}
SHORTCUT = {"account": "acct", "container": "lake", "shortcut": "Files/data"}
GUID = "aaaaaaaa-0000-4000-8000-000000000001"
PRINCIPAL = {"auth": "service_principal", "tenant_id": "t", "client_id": "c"}


def _uri(text: object, rule: str, id_: str, secret: str = "") -> Row:
    return Row(id_, partial(parse_uri, text, field="path"), rule, "path", secret)


def place(text: str, *rows: dict[str, str]) -> Location:
    """Where a path leads, with these rows as the connection's mapping."""
    return resolve(text, parse_mapping(list(rows), "mapping"), field="path")


def _place(text: str, rule: str, id_: str, *rows: dict[str, str]) -> Row:
    return Row(id_, partial(place, text, *rows), rule)


def _mapping(rows: object, rule: str, id_: str) -> Row:
    return Row(id_, partial(parse_mapping, rows, "mapping"), rule)


def _identity(rule: str, id_: str, **fields: Any) -> Row:
    return Row(id_, partial(parse_credential, fields, field="connection 'c'"), rule)


def _connection(rule: str, id_: str, **fields: Any) -> Row:
    return Row(id_, partial(parse_storage_connection, **fields, field="connection 'c'"), rule)


def _destination(rule: str, id_: str, endpoint: str, **fields: Any) -> Row:
    def call() -> None:
        settings = parse_storage_connection(**fields, field="connection 'c'")
        check_destination(settings, Location("acct", "lake", "x", endpoint))

    return Row(id_, call, rule)


def _queue(rule: str, id_: str, **fields: Any) -> Row:
    def call() -> None:
        settings = parse_storage_connection(**fields, field="connection 'c'")
        check_queue_destination(settings, queue_location(settings, "events", connection="c"))

    return Row(id_, call, rule)


ROWS = [
    _uri(None, "uri-type", "no text"),
    _uri("", "uri-empty", "a template that rendered to nothing"),
    _uri("azureml://datastores/ds/paths/x ", "uri-whitespace", "a blank at the end"),
    _uri("azureml://datastores/ds/paths/a\tb", "uri-control-character", "a tab inside"),
    _uri("azureml://datastores/ds/paths/{{ ds }}", "uri-jinja", "a template not rendered"),
    _uri(f"{ACCOUNT}/lake/x?sv=1&sig=s3cr3t", "uri-sas", "a SAS in the URL", "s3cr3t"),
    _uri("azureml://datastores/ds/paths/date=None", "uri-none", "no partition key"),
    _uri("azureml://datastores/ds/paths/a\\b", "path-backslash", "a backslash"),
    _uri("abfss://lake@acct.dfs.core.windows.net/a%0Ab", "path-control-character", "an escaped LF"),
    _uri("azureml://datastores/ds/paths/a//b", "path-double-slash", "an empty folder name"),
    _uri("azureml://datastores/ds/paths/a/../b", "path-dot-segment", "a way up"),
    _uri("azureml://datastores/d.s/paths/x", "datastore-name", "a dot in the datastore"),
    _uri(
        "azureml://subscriptions/s/resourcegroups/r/providers/Microsoft.MachineLearningServices"
        "/workspaces/w/datastores/ds/paths/x",
        "datastore-uri-provider",
        "an azureml URI with a provider",
    ),
    _uri("azureml://datastores/ds/data/x", "datastore-uri-paths", "no /paths/ (the how-to's form)"),
    _uri("azureml://datastores/ds/paths/", "datastore-uri-empty-path", "a datastore's root"),
    _uri(
        "azureml://datastores/ds/paths/a%20b", "datastore-uri-percent", "an escape in a datastore"
    ),
    _uri("s3://lake/x", "uri-scheme", "another cloud"),
    _uri(f"{ACCOUNT}/lake/x?snapshot=1", "uri-query", "a query"),
    _uri("https://me:p4ss@acct.blob.core.windows.net/lake/x", "uri-userinfo", "a login", "p4ss"),
    _uri("https://acct.dfs.azure.com/lake/x", "uri-dfs-azure-com", "dfs.azure.com"),
    _uri("https://example.com/lake/x", "uri-host", "a host that is no storage"),
    _uri("http://127.0.0.1:10000/", "uri-account", "an emulator without account"),
    _uri("abfss://lake@acct.dfs.core.windows.net/100%/x", "uri-percent-encoding", "a bare %"),
    _uri("abfss://acct.dfs.core.windows.net/x", "uri-container-missing", "no container"),
    _uri("abfss://My_Lake@acct.dfs.core.windows.net/x", "uri-container-name", "a bad container"),
    _place("azureml:heart:1", "location-asset", "an asset to be watched"),
    _place("Files/data/x", "shortcut-unmapped", "an unknown shortcut", DATASTORE),
    _place("Raw.Lakehouse/Files/x", "lakehouse-workspace-missing", "a lakehouse of no workspace"),
    _place("Sales/Raw/Files/x", "lakehouse-type-missing", "a lakehouse's name without its type"),
    _place(
        f"https://onelake.dfs.fabric.microsoft.com/Sales/{GUID}/Files/x",
        "lakehouse-mixed",
        "a name and a GUID",
    ),
    _place(
        "azureml://datastores/no/paths/x", "datastore-unmapped", "an unknown datastore", DATASTORE
    ),
    _place(
        "Files/data/x",
        "shortcut-ambiguous",
        "a shortcut of two lakehouses",
        {**SHORTCUT, "lakehouse": "ws/a.Lakehouse"},
        {**SHORTCUT, "lakehouse": "ws/b.Lakehouse"},
    ),
    _mapping({"shortcut": "Files/data"}, "mapping-shape", "a mapping that is no list"),
    _mapping([{**SHORTCUT, "path": "x"}], "mapping-key", "an unknown key in a row"),
    _mapping([{**SHORTCUT, "prefix": 5}], "mapping-value", "a number in a row"),
    _mapping([{**SHORTCUT, "account": ""}], "mapping-place", "a row without account"),
    _mapping([{**SHORTCUT, "shortcut": "50%"}], "mapping-shortcut-name", "a name Fabric has not"),
    _mapping([{**DATASTORE, "datastore": ""}], "mapping-names-nothing", "a row nobody can use"),
    _mapping([SHORTCUT, {**SHORTCUT, "prefix": "b"}], "mapping-shortcut-twice", "a shortcut twice"),
    _mapping(
        [DATASTORE, {**DATASTORE, "container": "other"}],
        "mapping-datastore-twice",
        "a datastore in two containers",
    ),
    _mapping([{**DATASTORE, "endpoint": "ftp://acct"}], "endpoint-url", "an endpoint that is none"),
    _connection("endpoint-plain-http", "http to Azure", host="http://acct.blob.core.windows.net"),
    _identity("credential-kind", "an unknown identity", auth="kerberos"),
    _identity(
        "credential-tenant-missing",
        "a principal without tenant",
        auth="service_principal",
        client_id="c",
        client_secret="s",
    ),
    _identity(
        "credential-client-id-missing",
        "a principal without id",
        auth="service_principal",
        tenant_id="t",
        client_secret="s",
    ),
    _identity("credential-secret-missing", "a principal without secret", **PRINCIPAL),
    _identity(
        "credential-certificate-missing",
        "a certificate that is not given",
        **{**PRINCIPAL, "auth": "service_principal_certificate"},
    ),
    _identity(
        "credential-secret-unused",
        "a secret that nobody reads",
        auth="managed_identity",
        client_secret="s",
    ),
    _identity(
        "credential-certificate-unused",
        "a certificate that nobody reads",
        **PRINCIPAL,
        client_secret="s",
        certificate_path="/c.pem",
    ),
    _identity(
        "credential-token-file-unused", "a token that nobody reads", auth="default", token_file="/t"
    ),
    _identity(
        "credential-certificate-twice",
        "two certificates",
        **{**PRINCIPAL, "auth": "service_principal_certificate"},
        certificate_path="/c.pem",
        certificate_data="-----BEGIN CERTIFICATE-----",
    ),
    _identity(
        "credential-certificate-shape",
        "a certificate that is no PEM",
        **{**PRINCIPAL, "auth": "service_principal_certificate"},
        certificate_data="MIIB",
    ),
    _identity("credential-tenant-shape", "a tenant with a slash", tenant_id="https://x/y"),
    _identity("credential-authority-host", "an issuer over http", authority_host="http://login"),
    _identity("credential-flag", "perhaps", disable_instance_discovery="perhaps"),
    _connection("storage-auth", "an unknown auth", host=ACCOUNT, extra={"auth": "ntlm"}),
    _connection("storage-key-missing", "no key", host=ACCOUNT, extra={"auth": "account_key"}),
    _connection("storage-key-shape", "a key that is no key", host=ACCOUNT, password="p@ss word"),
    _connection("storage-sas", "a SAS that is none", host=ACCOUNT, extra={"sas_token": "sv=1"}),
    _connection(
        "storage-connection-string",
        "a connection string that is none",
        extra={"connection_string": "Server=sql"},
    ),
    _connection("storage-account-missing", "a key for no account", password="a2V5"),
    _connection(
        "storage-onelake-key",
        "a key for OneLake",
        host="https://onelake.blob.fabric.microsoft.com",
        password="a2V5",
    ),
    _connection(
        "lakehouse-shape", "a lakehouse without workspace", extra={"lakehouse": "Raw.Lakehouse"}
    ),
    _connection("fabric-shortcuts", "an unknown oracle", extra={"shortcuts": "onelake"}),
    _connection("fabric-api-unused", "an API not asked", extra={"fabric_api": "https://f.test"}),
    _connection(
        "fabric-identity",
        "a key for Fabric",
        host=ACCOUNT,
        password="a2V5",
        extra={"shortcuts": "fabric"},
    ),
    _connection(
        "fabric-api-url",
        "a token over http",
        extra={"shortcuts": "fabric", "fabric_api": "http://127.0.0.1:9"},
    ),
    _destination(
        "storage-other-account",
        "a key for another account",
        "https://other.blob.core.windows.net",
        host=ACCOUNT,
        password="a2V5",
    ),
    _destination(
        "storage-other-host", "a token for a stranger", "https://10.0.0.1/acct", host=ACCOUNT
    ),
    _destination(
        "storage-token-plain-http",
        "a token over http",
        "http://127.0.0.1:10000/acct",
        host="http://127.0.0.1:10000/acct",
    ),
    _queue(
        "queue-endpoint",
        "a queue of OneLake",
        host="https://onelake.blob.fabric.microsoft.com",
        extra=PRINCIPAL,
        password="s",
    ),
    _queue(
        "queue-token-plain-http",
        "a queue's token in the clear",
        host=ACCOUNT,
        extra={**PRINCIPAL, "queue_endpoint": "http://127.0.0.1:10001/acct"},
        password="s",
    ),
]
