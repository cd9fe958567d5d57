"""What a storage connection may look like, and where its secrets may go."""

from __future__ import annotations

import pytest

from airflow_provider_fabml.core.connections.storage_connection import (
    StorageSettings,
    parse_storage_connection,
)
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.storage_hosts import check_destination

ACCT = "https://acct.blob.core.windows.net"
KEY = "c2VjcmV0LWtleQ=="


def parse(**fields) -> StorageSettings:
    """Read a connection."""
    return parse_storage_connection(**fields, field="connection 'c'")


@pytest.mark.parametrize(
    ("fields", "auth", "endpoint"),
    [
        ({"host": ACCT}, "default", ACCT),
        ({"host": "acct.dfs.core.windows.net/"}, "default", ACCT),
        ({"login": "acct", "password": KEY}, "account_key", ACCT),
        ({"host": ACCT, "extra": {"shared_access_key": KEY}}, "account_key", ACCT),
        ({"host": ACCT, "extra": {"extra__wasb__sas_token": "sv=1&sig=x"}}, "sas", ACCT),
        ({"extra": {"sas_token": f"{ACCT}/?sv=1&sig=x"}}, "sas", ACCT),
        (
            {"extra": {"connection_string": f"AccountName=acct;AccountKey={KEY}"}},
            "connection_string",
            ACCT,
        ),
        (
            {"extra": {"connection_string": "BlobEndpoint=http://127.0.0.1:1/acct;AccountName=a"}},
            "connection_string",
            "http://127.0.0.1:1/acct",
        ),
        (
            {"host": ACCT, "login": "c", "password": "s", "extra": {"tenant_id": "t"}},
            "service_principal",
            ACCT,
        ),
        (
            {
                "host": ACCT,
                "login": "c",
                "extra": {"tenant_id": "t", "certificate_path": "/c.pem"},
            },
            "service_principal_certificate",
            ACCT,
        ),
        ({"login": "acct", "extra": {"auth": "managed_identity"}}, "managed_identity", ACCT),
        (
            {"host": "https://onelake.dfs.fabric.microsoft.com"},
            "default",
            "https://onelake.blob.fabric.microsoft.com",
        ),
        ({}, "default", None),
    ],
)
def test_what_a_connection_holds_speaks_for_itself(fields, auth, endpoint):
    """Fields of the ``onelake`` and ``wasb`` forms give identity and endpoint."""
    settings = parse(**fields)

    assert (settings.auth, settings.endpoint) == (auth, endpoint)
    assert (settings.credential is None) == (auth in {"account_key", "sas", "connection_string"})


def test_client_ids_come_from_where_the_forms_have_them():
    """A principal's id is the login; a managed identity's an extra, as the login may be an account."""
    principal = parse(host=ACCT, login="c", password="s", extra={"tenant_id": "t"})
    identity = parse(login="acct", extra={"managed_identity_client_id": "m"})

    assert principal.credential.client_id == "c"
    assert identity.credential.client_id == "m"
    assert parse(login="acct").credential.client_id is None


def test_no_repr_shows_a_secret():
    """Key, SAS, connection string, client secret and certificate stay out of reprs."""
    shown = "".join(
        repr(parse(**fields))
        for fields in (
            {"host": ACCT, "password": KEY},
            {"host": ACCT, "extra": {"sas_token": f"sv=1&sig={KEY}"}},
            {"extra": {"connection_string": f"AccountName=a;AccountKey={KEY}"}},
            {"host": ACCT, "login": "c", "password": KEY, "extra": {"tenant_id": "t"}},
        )
    )

    assert KEY not in shown


def test_every_secret_is_listed_for_masking():
    """Whatever must be masked in logs is named by the settings."""
    assert parse(host=ACCT, password=KEY).secrets == (KEY,)
    principal = parse(host=ACCT, login="c", password="s3", extra={"tenant_id": "t"})
    assert principal.secrets == ("s3",)


def at(endpoint: str) -> Location:
    """A place at an endpoint."""
    return Location("acct", "lake", "x", endpoint)


TOKEN = {"host": ACCT, "extra": {"auth": "default"}}


@pytest.mark.parametrize(
    ("fields", "endpoint", "rule"),
    [
        (TOKEN, ACCT, None),
        (TOKEN, "https://other.blob.core.windows.net", None),
        (TOKEN, "https://onelake.blob.fabric.microsoft.com", None),
        (TOKEN, "https://other.blob.core.chinacloudapi.cn", "storage-other-host"),
        (TOKEN, "https://blob.core.windows.net.evil.com", "storage-other-host"),
        (TOKEN, "https://127.0.0.1:1/acct", "storage-other-host"),
        ({"host": "https://127.0.0.1:1/own"}, "https://127.0.0.1:1/acct", None),
        ({"host": "https://127.0.0.1:1/own"}, "https://127.0.0.1:2/acct", "storage-other-host"),
        (
            {"host": "https://own.blob.core.usgovcloudapi.net"},
            "https://other.blob.core.usgovcloudapi.net",
            None,
        ),
        ({"host": "https://own.blob.core.usgovcloudapi.net"}, ACCT, "storage-other-host"),
        (
            {"extra": {"authority_host": "https://login.chinacloudapi.cn"}},
            "https://other.blob.core.chinacloudapi.cn",
            None,
        ),
        ({"host": "http://127.0.0.1:1/own"}, "http://127.0.0.1:1/x", "storage-token-plain-http"),
        ({"host": ACCT, "password": KEY}, ACCT, None),
        (
            {"host": ACCT, "password": KEY},
            "https://other.blob.core.windows.net",
            "storage-other-account",
        ),
        (
            {
                "extra": {
                    "mapping": [
                        {
                            "datastore": "ds",
                            "account": "acct",
                            "container": "lake",
                            "endpoint": "https://lake.contoso.com",
                        }
                    ]
                }
            },
            "https://lake.contoso.com",
            None,
        ),
    ],
)
def test_secrets_go_to_hosts_of_the_connection_alone(fields, endpoint, rule):
    """A key serves its account, a token the storage hosts of its cloud and hosts that are named."""
    settings = parse(**fields)
    if rule is None:
        check_destination(settings, at(endpoint))
    else:
        with pytest.raises(UsageError) as caught:
            check_destination(settings, at(endpoint))
        assert caught.value.rule == rule
