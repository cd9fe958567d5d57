"""Which Azure: its hosts, its audiences, and whom a token may be shown (D16).

Hosts: Microsoft, "Use a custom DNS server with Azure Machine Learning" and "Azure private endpoint
DNS zones". Audiences: azure-ai-ml 1.35.2 ``_azure_environments`` (Microsoft's Chinese pages name
another one for China, hence the connection field ``ml_audience``).
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.service.http import ARM, ML


class Cloud(NamedTuple):
    """The hosts of one Azure.

    ``endpoint_suffix`` and ``api_suffix`` are empty for a custom cloud, whose hosts are named one by
    one in ``hosts`` (``host`` or ``host:port``; ``.example.net`` stands for all hosts below it).
    ``arm_audience`` is the Resource Manager's audience where it differs from its URL.
    """

    name: str
    resource_manager: str
    authority_host: str
    ml_audience: str
    endpoint_suffix: str
    api_suffix: str
    hosts: tuple[str, ...] = ()
    arm_audience: str = ""

    def scope(self, audience: str) -> str:
        """The OAuth scope of a request's audience (``ARM`` or ``ML``)."""
        arm = self.arm_audience or self.resource_manager
        base = {ARM: arm, ML: self.ml_audience}[audience]
        return f"{base.rstrip('/')}/.default"


AZURE_CLOUDS: dict[str, Cloud] = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            "AzureCloud",
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "https://ml.azure.com",
            ".inference.ml.azure.com",
            ".api.azureml.ms",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://ml.azure.us",
            ".inference.ml.azure.us",
            ".api.ml.azure.us",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://ml.azure.cn",
            ".inference.ml.azure.cn",
            ".api.ml.azure.cn",
        ),
    )
}


def trusted(url: str, cloud: Cloud) -> bool:
    """Whether a token of this cloud may be sent to ``url``: https, and a host the cloud names."""
    place = _place(url)
    if place is None:
        return False
    if place == _place(cloud.resource_manager):
        return True
    suffixes = [s for s in (cloud.endpoint_suffix, cloud.api_suffix) if s]
    if any(place[0].endswith(suffix) for suffix in suffixes):
        return place[1] == 443
    return _allowed(place, cloud)


def _place(url: str) -> tuple[str, int] | None:
    """Host and port of an https URL that every reader takes apart alike, else None.

    A backslash, a blank or a letter outside ASCII is where two parsers find two different hosts.
    """
    parts = _split(url)
    if parts is None or parts.scheme != "https" or "@" in parts.netloc or not parts.hostname:
        return None
    return parts.hostname.casefold(), parts.port or 443


def _split(url: str) -> SplitResult | None:
    if not re.fullmatch(r"[!-\[\]-~]+", url):
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _allowed(place: tuple[str, int], cloud: Cloud) -> bool:
    names = (place[0], f"{place[0]}:{place[1]}")
    return any(_matches(name, host.casefold()) for name in names for host in cloud.hosts)


def _matches(name: str, host: str) -> bool:
    return name.endswith(host) if host.startswith(".") else name == host


def scoring_url(uri: object, endpoint_name: str, cloud: Cloud) -> str:
    """The endpoint's ``scoringUri``, if a token may be sent there.

    On an Azure cloud its host is ``<endpoint>.<region>.inference.ml.azure.com`` and must begin with
    this endpoint's own name. Raises ``PermanentError``.
    """
    if not isinstance(uri, str) or not uri:
        raise PermanentError(
            f"endpoint {endpoint_name!r} has no scoring URI",
            remedy="wait until its provisioning state is Succeeded, or deploy it again",
        )
    if not trusted(uri, cloud) or not _serves(uri, endpoint_name, cloud):
        raise PermanentError(
            f"endpoint {endpoint_name!r} names the scoring URI {uri!r}, whose host does not belong to "
            f"{cloud.name}; no token was sent",
            remedy="if the host is yours, add it to the connection's allowed_hosts",
        )
    return uri


def _serves(uri: str, endpoint_name: str, cloud: Cloud) -> bool:
    place = _place(uri)
    if place is None or not cloud.endpoint_suffix:
        return place is not None
    if place[0].endswith(cloud.endpoint_suffix):
        return place[0].startswith(f"{endpoint_name.casefold()}.")
    return _allowed(place, cloud)


def api_url(url: object, cloud: Cloud) -> str:
    """A URL that the service named (discovery, next page), if a token may be sent there."""
    if not isinstance(url, str) or not trusted(url, cloud):
        raise PermanentError(
            f"the service named the URL {url!r}, whose host does not belong to {cloud.name}; "
            "no token was sent",
            remedy="if the host is yours, add it to the connection's allowed_hosts",
        )
    return url
