"""Which Azure: its hosts, its audiences, and whom a token may be shown (D16).

Hosts: Microsoft, "Use a custom DNS server with Azure Machine Learning" and "Azure private endpoint
DNS zones". Audiences: azure-ai-ml 1.35.2 ``_azure_environments`` (Microsoft's Chinese pages name
another one for China, hence the connection field ``ml_audience``).
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.http import ARM, ML


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
        """The OAuth scope of a request's audience (:data:`~.http.ARM` or :data:`~.http.ML`)."""
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
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.username is not None or not parts.hostname:
        return False
    if parts.netloc.casefold() == urlsplit(cloud.resource_manager).netloc.casefold():
        return True
    suffixes = [s for s in (cloud.endpoint_suffix, cloud.api_suffix) if s]
    names = (parts.netloc.casefold(), parts.hostname.casefold())
    if any(names[1].endswith(suffix) for suffix in suffixes):
        return parts.port in (None, 443)
    return any(_matches(name, host.casefold()) for name in names for host in cloud.hosts)


def _matches(name: str, host: str) -> bool:
    return name.endswith(host) if host.startswith(".") else name == host


def scoring_url(uri: object, endpoint_name: str, cloud: Cloud) -> str:
    """The endpoint's ``scoringUri``, if a token may be sent there.

    On an Azure cloud its host is ``<endpoint>.<region>.inference.ml.azure.com`` and must begin with
    this endpoint's own name. Raises :class:`PermanentError`.
    """
    if not isinstance(uri, str) or not uri:
        raise PermanentError(
            f"endpoint {endpoint_name!r} has no scoring URI",
            remedy="wait until its provisioning state is Succeeded, or deploy it again",
        )
    host = (urlsplit(uri).hostname or "").casefold()
    inference = bool(cloud.endpoint_suffix) and host.endswith(cloud.endpoint_suffix)
    foreign = inference and not host.startswith(f"{endpoint_name.casefold()}.")
    if foreign or not trusted(uri, cloud):
        raise PermanentError(
            f"endpoint {endpoint_name!r} names the scoring URI {uri!r}, whose host does not belong to "
            f"{cloud.name}; no token was sent",
            remedy="if the host is yours, add it to the connection's allowed_hosts",
        )
    return uri


def api_url(url: object, cloud: Cloud) -> str:
    """A URL that the service named (discovery, next page), if a token may be sent there."""
    if not isinstance(url, str) or not trusted(url, cloud):
        raise PermanentError(
            f"the service named the URL {url!r}, whose host does not belong to {cloud.name}; "
            "no token was sent",
            remedy="if the host is yours, add it to the connection's allowed_hosts",
        )
    return url
