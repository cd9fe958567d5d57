"""An ``azure_ml`` connection becomes one value, in all the forms it can be written."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from airflow_provider_fabml.core.connections.azure_ml_connection import (
    AzureMLConnection,
    parse_azure_ml_connection,
)
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.service.cloud import AZURE_CLOUDS
from airflow_provider_fabml.core.service.workspace import Workspace

GOOD = {
    "subscription_id": "11111111-2222-3333-4444-555555555555",
    "resource_group": "rg-hearts",
    "workspace_name": "hearts",
}
CUSTOM = {
    "cloud": "custom",
    "resource_manager_url": "https://127.0.0.1:8443/",
    "authority_host": "https://127.0.0.1:8443",
}
SECRET = "hunter2hunter2"


def parsed(
    login: str | None = None, password: str | None = None, **fields: Any
) -> AzureMLConnection:
    """The good connection with these fields added."""
    given = {**GOOD, **fields}
    return parse_azure_ml_connection(given, login=login, password=password, name="x")


def test_three_fields_are_enough() -> None:
    """The public cloud, azure-identity's default chain, and our own patience."""
    connection = parsed()
    assert connection.workspace == Workspace(*GOOD.values())
    assert connection.cloud == AZURE_CLOUDS["AzureCloud"]
    assert connection.identity.kind == "default"
    assert connection.identity.authority_host is None
    assert (connection.ca_bundle, connection.proxies) == (None, None)
    assert (connection.connect_timeout, connection.read_timeout) == (10, 60)


def test_a_national_cloud_has_its_own_issuer() -> None:
    """Tokens come from the cloud's own authority, unless the connection names another."""
    china = parsed(cloud="AzureChinaCloud", ml_audience="https://studio.ml.azure.cn")
    assert china.identity.authority_host == "https://login.chinacloudapi.cn"
    assert china.cloud.ml_audience == "https://studio.ml.azure.cn"
    named = parsed(cloud="AzureUSGovernment", authority_host="https://login.contoso.us")
    assert named.identity.authority_host == "https://login.contoso.us"


def test_a_custom_cloud_names_its_hosts() -> None:
    """Audiences stay the public ones unless they are given."""
    cloud = parsed(**CUSTOM, allowed_hosts="ml.contoso.com, .lab.contoso.com api:444").cloud
    assert cloud.resource_manager == "https://127.0.0.1:8443"
    assert cloud.hosts == ("ml.contoso.com", ".lab.contoso.com", "api:444")
    assert (cloud.ml_audience, cloud.arm_audience) == (
        "https://ml.azure.com",
        "https://management.azure.com",
    )
    assert parsed(allowed_hosts=["a.contoso.com"]).cloud.hosts == ("a.contoso.com",)


@pytest.mark.parametrize(
    "url",
    ["https://[", "https://h:99999", "https://:pw@h", "https://h?x=1", "http://h", "h", 7, None],
)
def test_an_odd_url_is_refused_not_crashed_on(url: object) -> None:
    """Tokens need an https host, and nothing else in the URL."""
    with pytest.raises(UsageError) as caught:
        parsed(**{**CUSTOM, "resource_manager_url": url})
    assert caught.value.rule == "connection-url"


def test_text_from_the_environment_means_the_same_as_json() -> None:
    """Numbers and mappings arrive as text from an environment variable."""
    text = parsed(
        connect_timeout="2.5", proxies='{"https": "http://proxy:8080"}', ca_bundle="/ca.pem"
    )
    assert text.connect_timeout == 2.5
    assert text.proxies == {"https": "http://proxy:8080"}
    assert text.ca_bundle == "/ca.pem"
    assert parsed(proxies={"http": "http://p"}).proxies == {"http": "http://p"}


@pytest.mark.parametrize("value", [{"ftp": "x"}, {"http": None}, "[]", "nonsense", 7])
def test_odd_proxies_are_refused_unseen(value: object) -> None:
    """A proxy URL may hold a password, so its value is not shown."""
    with pytest.raises(UsageError, match="hidden"):
        parsed(proxies=value)


@pytest.mark.parametrize("value", ["soon", [], 0, -1, 3601, float("nan")])
def test_a_timeout_is_a_number_of_seconds(value: object) -> None:
    """More than none and at most an hour."""
    with pytest.raises(UsageError, match="3600"):
        parsed(read_timeout=value)


@pytest.mark.parametrize("where", ["password", "client_secret"])
def test_a_client_secret_is_used_wherever_it_stands_and_never_shown(where: str) -> None:
    """Neither the value's repr nor that of its parts has the secret, nor a proxy's password."""
    proxy = {"https": f"http://bob:{SECRET}@proxy:8080"}
    connection = parsed(login="app", tenant_id="contoso.com", proxies=proxy, **{where: SECRET})
    assert connection.identity.kind == "service_principal"
    assert connection.identity.client_secret == SECRET
    assert connection.identity.client_id == "app"
    for shown in (repr(connection), str(connection), f"{connection.identity}", f"{[connection]}"):
        assert SECRET not in shown
    assert "proxies=…" in repr(connection)
    assert "proxies=None" in repr(parsed())


@pytest.mark.parametrize(
    "broken",
    [{"tenant_id": None}, {"cloud": "mars"}, {"proxies": f"x:{SECRET}"}, {"auth": "default"}],
)
def test_no_error_shows_the_secret(broken: dict[str, Any]) -> None:
    """The whole traceback's text is free of it, whichever field is wrong."""
    with pytest.raises(UsageError) as caught:
        parsed("app", SECRET, **{"tenant_id": "contoso.com", **broken})
    assert SECRET not in "".join(traceback.format_exception(caught.value))
