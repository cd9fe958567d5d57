"""A token goes to hosts of the connection's cloud, and to no other (D16)."""

from __future__ import annotations

import pytest
import urllib3
import yarl
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.service.cloud import (
    AZURE_CLOUDS,
    FABRIC_API,
    Cloud,
    api_url,
    fabric_cloud,
    scoring_url,
    token_url,
    trusted,
)
from airflow_provider_fabml.core.service.http import ARM, FABRIC, ML

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
        (PUBLIC, "https://westeurope.api.azureml.ms/discovery"),
        (PUBLIC, "https://0a1b.workspace.westeurope.api.azureml.ms/history"),
        (CUSTOM, "https://127.0.0.1:8443/x"),
        (CUSTOM, "https://ml.contoso.com:9443/x"),
        (CUSTOM, "https://api.contoso.com:444/x"),
        (CUSTOM, "https://a.lab.contoso.com/x"),
        (CUSTOM._replace(resource_manager="https://[::1]:8443"), "https://[::1]:8443/x"),
        (CUSTOM._replace(resource_manager="https://azure_ml:8443"), "https://azure_ml:8443/x"),
    ],
)
def test_hosts_of_the_cloud_are_trusted(cloud: Cloud, url: str) -> None:
    """The cloud's own hosts, and those the connection names."""
    assert trusted(url, cloud)
    assert api_url(url, cloud) == url


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        ("https://api.fabric.microsoft.com/v1/workspaces", True),
        ("https://API.fabric.microsoft.com:443/v1/workspaces", True),
        ("http://api.fabric.microsoft.com/v1/workspaces", False),
        ("https://api.fabric.microsoft.com:8443/v1/workspaces", False),
        ("https://api.fabric.microsoft.com.evil.test/v1", False),
        ("https://onelake.blob.fabric.microsoft.com/x", False),
        ("https://management.azure.com/subscriptions", False),
    ],
)
def test_fabrics_token_goes_to_its_api_alone(url: str, is_sent: bool) -> None:
    """Not to OneLake, not to Azure, and no other token to it; nor is it sent where nobody asks it."""
    cloud = fabric_cloud(FABRIC_API)
    assert trusted(url, cloud, FABRIC) is is_sent
    assert not trusted(url, cloud, ARM)
    assert not trusted(url, cloud, ML)
    assert not trusted(url, PUBLIC, FABRIC)
    assert cloud.scope(FABRIC) == "https://api.fabric.microsoft.com/.default"


def test_a_custom_api_keeps_fabrics_audience() -> None:
    """A private link's host takes tokens for the same audience, and is the only one to get them."""
    cloud = fabric_cloud("https://ws.z12.w.api.fabric.microsoft.com")
    assert trusted("https://ws.z12.w.api.fabric.microsoft.com/v1/x", cloud, FABRIC)
    assert not trusted(f"{FABRIC_API}/v1/x", cloud, FABRIC)
    assert cloud.scope(FABRIC) == f"{FABRIC_API}/.default"


@pytest.mark.parametrize(
    ("audience", "url", "is_sent"),
    [
        (ML, "https://heart.westeurope.inference.ml.azure.com/jobs", True),
        (ARM, "https://heart.westeurope.inference.ml.azure.com/jobs", False),
        (ML, "https://westeurope.api.azureml.ms/discovery", False),
        (ML, "https://management.azure.com/subscriptions", False),
        (ARM, "https://management.azure.com/subscriptions", True),
    ],
)
def test_each_audience_has_hosts_of_its_own(audience: str, url: str, is_sent: bool) -> None:
    """An endpoint is anybody's: what rules the subscription is not shown to it, nor the other way."""
    assert trusted(url, PUBLIC, audience) is is_sent


# Each is refused for every audience and cloud: another host, or one that two readers take apart differently.
TRICKS = {
    "plain http": "http://{good}/jobs",
    "another scheme": "ftp://{good}/jobs",
    "no scheme": "//{good}/jobs",
    "suffix of another domain": "https://{good}.evil.com/jobs",
    "prefix without a dot": "https://evil{base}/jobs",
    "prefix with a dash": "https://evil-{base}/jobs",
    "name in the path": "https://evil.com/{good}",
    "name in the query": "https://evil.com?{good}",
    "name in the fragment": "https://evil.com#{good}",
    "name as user": "https://{good}@evil.com/jobs",
    "name as user with password": "https://{good}:443@evil.com/jobs",
    "a user before the name": "https://bob@{good}/jobs",
    "an empty user": "https://@{good}/jobs",
    "another port": "https://{good}:8443/jobs",
    "port zero": "https://{good}:0/jobs",
    "no such port": "https://{good}:99999/jobs",
    "port that is no number": "https://{good}:44x/jobs",
    "trailing dot": "https://{good}./jobs",
    "leading dot": "https://.{good}/jobs",
    "double dot": "https://evil..{good}/jobs",
    "backslash": "https://evil.com\\.{good}/jobs",
    "backslash as slash": "https:\\\\{good}/jobs",
    "encoded slash": "https://evil.com%2f.{good}/jobs",
    "encoded dot": "https://evil%2ecom.{good}/jobs",
    "semicolon": "https://evil.com;.{good}/jobs",
    "comma": "https://evil.com,{good}/jobs",
    "tab": "https://evil.com\t.{good}/jobs",
    "newline": "https://{good}\r\nHost: evil.com/jobs",
    "blank": "https://evil.com .{good}/jobs",
    "null": "https://evil.com\0.{good}/jobs",
    "ideographic full stop": "https://evil\u3002com.{good}/jobs",
    "full-width letters": "https://\uff45vil.{good}/jobs",
    "Cyrillic letter": "https://\u0430.{good}/jobs",
    "soft hyphen": "https://x\u00ad.{good}/jobs",
    "IPv6": "https://[::1]/jobs",
    "IPv6 with the name as zone": "https://[::1%25.{good}]/jobs",
    "IPv6 that does not end": "https://[::1.{good}/jobs",
    "IPv4-mapped": "https://[::ffff:127.0.0.1]/jobs",
    "no host": "https:///{good}",
    "port alone": "https://:443/{good}",
    "nothing": "",
}
# A host, and the part of it that a domain of somebody else's must not end with.
PLACES = [
    (ARM, PUBLIC, "management.azure.com", "management.azure.com"),
    (ARM, PUBLIC, "westeurope.api.azureml.ms", "api.azureml.ms"),
    (ML, PUBLIC, "heart.westeurope.inference.ml.azure.com", "inference.ml.azure.com"),
    (ML, CHINA, "heart.chinaeast2.inference.ml.azure.cn", "inference.ml.azure.cn"),
    (ARM, CUSTOM._replace(resource_manager="https://a.contoso.com"), *["a.contoso.com"] * 2),
    (ML, CUSTOM._replace(hosts=("gate.contoso.com:443",)), *["gate.contoso.com"] * 2),
    (ML, CUSTOM._replace(hosts=(".lab.contoso.com:443",)), "x.lab.contoso.com", "lab.contoso.com"),
]


@pytest.mark.parametrize(
    ("audience", "cloud", "good", "base"), PLACES, ids=[place[2] for place in PLACES]
)
@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_gets_no_token(
    trick: str, audience: str, cloud: Cloud, good: str, base: str
) -> None:
    """The good host does, so that each refusal is the trick's."""
    assert trusted(f"https://{good}/jobs", cloud, audience)
    url = TRICKS[trick].format(good=good, base=base)
    assert not trusted(url, cloud, audience)
    with pytest.raises(PermanentError, match="no token was sent"):
        token_url(url, audience, cloud)


@given(
    labels=st.lists(
        st.text(st.sampled_from("ab.-%@:/\\#?[] \t1"), max_size=4), min_size=1, max_size=3
    )
)
def test_two_readers_agree_on_what_is_trusted(labels: list[str]) -> None:
    """A trusted URL has the same host for urllib3 (requests) and yarl (aiohttp), which connect to it."""
    url = f"https://{''.join(labels)}.api.azureml.ms/x"
    if trusted(url, PUBLIC):
        assert str(urllib3.util.parse_url(url).host).endswith(".api.azureml.ms")
        assert str(yarl.URL(url).host).endswith(".api.azureml.ms")


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
        "https://heart.evil.westeurope.inference.ml.azure.com/jobs",
        "https://heart.inference.ml.azure.com/jobs",
        "https://heart..inference.ml.azure.com/jobs",
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


def test_a_refused_address_is_shown_without_its_secrets() -> None:
    """What the service named may hold a signature or a password: neither goes into a log."""
    with pytest.raises(PermanentError) as caught:
        api_url("https://bob:pass-word@evil.com/x?sig=sig-nature", PUBLIC)
    assert "evil.com/x" in str(caught.value)
    assert "pass-word" not in str(caught.value)
    assert "sig-nature" not in str(caught.value)
