"""A token goes to hosts of the connection's cloud, and to no other (D16)."""

from __future__ import annotations

import pytest

from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.service.cloud import (
    AZURE_CLOUDS,
    Cloud,
    api_url,
    scoring_url,
    trusted,
)
from airflow_provider_fabml.core.service.http import ARM, ML

PUBLIC = AZURE_CLOUDS["AzureCloud"]
CHINA = AZURE_CLOUDS["AzureChinaCloud"]
CUSTOM = Cloud(
    "custom",
    "https://127.0.0.1:8443",
    "https://127.0.0.1:8443",
    "https://ml.azure.com",
    "",
    "",
    ("ml.contoso.com", "api.contoso.com:444", ".lab.contoso.com"),
    "https://management.azure.com",
)


@pytest.mark.parametrize(
    ("cloud", "url"),
    [
        (PUBLIC, "https://management.azure.com/subscriptions/1?api-version=2"),
        (PUBLIC, "https://MANAGEMENT.azure.com:443/subscriptions"),
        (PUBLIC, "https://heart.westeurope.inference.ml.azure.com/jobs"),
        (PUBLIC, "https://westeurope.api.azureml.ms/discovery"),
        (CHINA, "https://heart.chinaeast2.inference.ml.azure.cn/jobs"),
        (CUSTOM, "https://127.0.0.1:8443/x"),
        (CUSTOM, "https://ml.contoso.com:9443/x"),
        (CUSTOM, "https://api.contoso.com:444/x"),
        (CUSTOM, "https://a.lab.contoso.com/x"),
    ],
)
def test_hosts_of_the_cloud_are_trusted(cloud: Cloud, url: str) -> None:
    """The cloud's own hosts, and those the connection names."""
    assert trusted(url, cloud)
    assert api_url(url, cloud) == url


@pytest.mark.parametrize(
    ("cloud", "url"),
    [
        (PUBLIC, "http://management.azure.com/"),
        (PUBLIC, "https://management.azure.com.evil.com/"),
        (PUBLIC, "https://evil.com/management.azure.com"),
        (PUBLIC, "https://management.azure.com@evil.com/"),
        (PUBLIC, "https://bob@management.azure.com/"),
        (PUBLIC, "https://@management.azure.com/"),
        (PUBLIC, "https://management.azure.com:8443/"),
        (PUBLIC, "https://evil-inference.ml.azure.com/jobs"),
        (PUBLIC, "https://inference.ml.azure.com/jobs"),
        (PUBLIC, "https://x.inference.ml.azure.com.evil.com/jobs"),
        (PUBLIC, "https://x.westeurope.inference.ml.azure.com:8443/jobs"),
        (PUBLIC, "https://x.westeurope.inference.ml.azure.cn/jobs"),
        (PUBLIC, "https://evil.com\\.westeurope.inference.ml.azure.com/jobs"),
        (PUBLIC, "https://evil.com\t.westeurope.api.azureml.ms/"),
        (PUBLIC, "https://evil。com.api.azureml.ms/"),
        (PUBLIC, "https://[::1.api.azureml.ms/"),
        (PUBLIC, "https://x.api.azureml.ms:99999/"),
        (PUBLIC, "https://x.api.azureml.ms:0/"),
        (PUBLIC, "https:///x.api.azureml.ms"),
        (PUBLIC, ""),
        (CUSTOM, "https://127.0.0.1:8444/x"),
        (CUSTOM, "https://api.contoso.com/x"),
        (CUSTOM, "https://lab.contoso.com/x"),
        (CUSTOM, "https://evil-ml.contoso.com/x"),
        (CUSTOM, "https://management.azure.com/x"),
    ],
)
def test_every_other_host_is_not(cloud: Cloud, url: str) -> None:
    """Suffix tricks, user information, other ports, http, and URLs that two parsers read differently."""
    assert not trusted(url, cloud)
    with pytest.raises(PermanentError, match="no token was sent"):
        api_url(url, cloud)


def test_a_service_that_names_no_url_gets_no_token() -> None:
    """A missing URL is refused like a foreign one."""
    with pytest.raises(PermanentError, match="None"):
        api_url(None, PUBLIC)


@pytest.mark.parametrize(
    ("cloud", "uri"),
    [
        (PUBLIC, "https://Heart.westeurope.inference.ml.azure.com/jobs"),
        (PUBLIC._replace(hosts=("gate.contoso.com",)), "https://gate.contoso.com/heart/jobs"),
        (CUSTOM, "https://127.0.0.1:8443/endpoints/heart/jobs"),
    ],
)
def test_a_scoring_host_begins_with_the_endpoints_name(cloud: Cloud, uri: str) -> None:
    """On an Azure cloud; a host of one's own is named in the connection."""
    assert scoring_url(uri, "heart", cloud) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://other.westeurope.inference.ml.azure.com/jobs",
        "https://heartless.westeurope.inference.ml.azure.com/jobs",
        "https://x.heart.inference.ml.azure.com/jobs",
        "https://heart.westeurope.inference.ml.azure.com.evil.com/jobs",
        "https://heart.api.azureml.ms/jobs",
        "https://management.azure.com/jobs",
        "http://heart.westeurope.inference.ml.azure.com/jobs",
        "not a url",
        None,
        "",
        7,
    ],
)
def test_another_scoring_host_gets_no_token(uri: object) -> None:
    """Not another endpoint's, not another service's, and not a missing one."""
    with pytest.raises(PermanentError, match="heart"):
        scoring_url(uri, "heart", PUBLIC)


def test_a_custom_scoring_host_must_be_trusted_too() -> None:
    """A custom cloud has no suffix, only the hosts it names."""
    with pytest.raises(PermanentError, match="allowed_hosts"):
        scoring_url("https://evil.com/endpoints/heart/jobs", "heart", CUSTOM)


@pytest.mark.parametrize("cloud", AZURE_CLOUDS.values(), ids=AZURE_CLOUDS)
def test_audiences_are_the_clouds_own(cloud: Cloud) -> None:
    """Both audiences of a cloud end in its own domain."""
    assert cloud.scope(ARM) == f"{cloud.resource_manager}/.default"
    assert cloud.scope(ML) == f"{cloud.ml_audience}/.default"
    assert CUSTOM.scope(ARM) == "https://management.azure.com/.default"
