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
from airflow_provider_fabml.core.service.http import ARM, FABRIC, ML
from airflow_provider_fabml.core.storage.uri_text import redact

# Microsoft Learn, "Fabric REST API: using the API"; a private link's host takes the same tokens.
FABRIC_API = "https://api.fabric.microsoft.com"
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class Cloud(NamedTuple):
    """The hosts of one Azure.

    ``endpoint_suffix`` and ``api_suffix`` are empty for a custom cloud, whose hosts are named one by
    one in ``hosts`` (``host`` or ``host:port``; ``.example.net`` stands for all hosts below it).
    ``arm_audience`` is the Resource Manager's audience where it differs from its URL. ``fabric`` is the
    base URL of Fabric's REST API, the only place its tokens go to; empty where it is not asked.
    """

    name: str
    resource_manager: str
    authority_host: str
    ml_audience: str
    endpoint_suffix: str
    api_suffix: str
    hosts: tuple[str, ...] = ()
    arm_audience: str = ""
    fabric: str = ""

    def scope(self, audience: str) -> str:
        """The OAuth scope of a request's audience (``ARM``, ``ML`` or ``FABRIC``)."""
        arm = self.arm_audience or self.resource_manager
        base = {ARM: arm, ML: self.ml_audience, FABRIC: FABRIC_API}[audience]
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


def fabric_cloud(api: str) -> Cloud:
    """Fabric alone: no other host is named, and no other token is asked for."""
    return Cloud("Microsoft Fabric", "", "", "", "", "", fabric=api)


def https_root(url: str) -> str | None:
    """The URL without its last slash, if it is ``https://<host>`` and nothing more, else None."""
    bare = url.removesuffix("/")
    place, parts = _place(bare), _split(bare)
    alone = parts is not None and not (parts.path or parts.query or parts.fragment)
    return bare if place is not None and alone else None


def trusted(url: str, cloud: Cloud, audience: str = ARM) -> bool:
    """Whether a token of this audience may be sent to ``url``: https, and a host the cloud names.

    The Resource Manager's token goes to it and to the region's service API, Azure ML's to endpoints:
    an endpoint is anybody's, and must not be shown what rules the subscription. A cloud of one's own
    has one host for both. Fabric's token goes to its API and nowhere else.
    """
    place = _place(url)
    if place is None:
        return False
    if audience == FABRIC:
        return place == _place(cloud.fabric)
    return _is_own(place, cloud, audience) or _allowed(place, cloud)


def _is_own(place: tuple[str, int], cloud: Cloud, audience: str) -> bool:
    both = not cloud.endpoint_suffix
    if (both or audience == ARM) and place == _place(cloud.resource_manager):
        return True
    suffix = cloud.api_suffix if audience == ARM else cloud.endpoint_suffix
    return bool(suffix) and place[0].endswith(suffix) and place[1] == 443


def _place(url: str) -> tuple[str, int] | None:
    """Host and port of an https URL that every reader takes apart alike, else None.

    A backslash, a blank, a percent sign in the host or a letter outside ASCII is where two parsers
    find two different hosts. An IPv6 address keeps its brackets.
    """
    parts = _split(url)
    if parts is None or parts.scheme != "https" or "@" in parts.netloc:
        return None
    host = (parts.hostname or "").casefold()
    if ":" in host:
        return f"[{host}]", parts.port or 443
    return (host, parts.port or 443) if _HOST.fullmatch(host) else None


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
    if not trusted(uri, cloud, ML) or not _serves(uri, endpoint_name, cloud):
        raise _foreign(
            f"endpoint {endpoint_name!r} names the scoring URI {shown_url(uri)!r}", cloud
        )
    return uri


def _serves(uri: str, endpoint_name: str, cloud: Cloud) -> bool:
    place = _place(uri)
    if place is None or not cloud.endpoint_suffix:
        return place is not None
    if place[0].endswith(cloud.endpoint_suffix):
        name, suffix = re.escape(endpoint_name.casefold()), re.escape(cloud.endpoint_suffix)
        return bool(re.fullmatch(rf"{name}\.[a-z0-9-]+{suffix}", place[0]))
    return _allowed(place, cloud)


def api_url(url: object, cloud: Cloud) -> str:
    """A URL that the service named (discovery, next page), if a token may be sent there."""
    return token_url(url, ARM, cloud)


def token_url(url: object, audience: str, cloud: Cloud) -> str:
    """A URL to which a token of this audience may be sent. Raises ``PermanentError``."""
    if not isinstance(url, str) or not trusted(url, cloud, audience):
        raise _foreign(f"the service named the URL {shown_url(url)!r}", cloud)
    return url


def shown_url(url: object) -> object:
    """A URL as a message shows it: without query and password."""
    return redact(url)[:300] if isinstance(url, str) else url


def _foreign(what: str, cloud: Cloud) -> PermanentError:
    return PermanentError(
        f"{what}, whose host does not belong to {cloud.name}; no token was sent",
        remedy="if the host is yours, add it to the connection's allowed_hosts",
    )
