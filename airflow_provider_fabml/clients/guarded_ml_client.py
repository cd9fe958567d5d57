"""The unmodified ``azure.ai.ml.MLClient`` with one request policy that closes two holes (D4).

azure-ai-ml 1.35.2 re-sends the job-creating POST after 500, 503, 504 and up to five times after a
lost connection (azure-sdk-for-python#31166), and writes the headers of every invoke into one
module-level dictionary, so that a deployment name or a bearer token leaks into the next call
(``EndpointInvokeFields.DEFAULT_HEADER``). The policy sees each request last: it lets the POST out once,
to no host but the cloud's (D16), and rebuilds those headers from its own call.
"""

from __future__ import annotations

import contextvars
import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.clients.credentials import make_credential
from airflow_provider_fabml.core.connections.azure_ml_connection import CUSTOM
from airflow_provider_fabml.core.service.cloud import shown_url, trusted
from airflow_provider_fabml.core.service.http import ARM, ML

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azure.ai.ml import MLClient
    from azure.core.credentials import AccessToken, TokenCredential

    from airflow_provider_fabml.core.connections.azure_ml_connection import AzureMLConnection
    from airflow_provider_fabml.core.service.cloud import Cloud

_REQUEST_ID = "repeatability_request-id"
_DEPLOYMENT = "azureml-model-deployment"


class _Call:
    """One ``invoke``: which deployment it named, and whether its POST went out."""

    def __init__(self, deployment_name: str | None) -> None:
        self.deployment_name, self.sent, self.last_status = deployment_name, False, 0


_CALL: contextvars.ContextVar[_Call | None] = contextvars.ContextVar("fabml_invoke", default=None)


@contextmanager
def _one_call(deployment_name: str | None) -> Iterator[None]:
    token = _CALL.set(_Call(deployment_name))
    try:
        yield
    finally:
        _CALL.reset(token)


def make_ml_client(connection: AzureMLConnection) -> MLClient:
    """An ``MLClient`` for the connection. Importing it costs over a second of CPU and 100 MB."""
    from azure.ai.ml import MLClient

    credential = make_credential(
        connection.identity, ca_bundle=connection.ca_bundle, proxies=connection.proxies
    )
    scope = connection.cloud.scope(ML)
    workspace = connection.workspace
    client = MLClient(
        _Audiences(credential, connection.cloud),
        workspace.subscription_id,
        workspace.resource_group,
        workspace.name,
        custom_hook_policy=_make_guard(lambda: credential.get_token(scope).token, connection.cloud),
        enable_telemetry=False,
        **_cloud_keywords(connection),
    )
    _remember_deployment(client.batch_endpoints)
    return client


class _Audiences:
    """The credential, asked for the audiences that the connection names.

    For a cloud of one's own the SDK asks for ``{resource_manager}/.default``, whatever audience that
    Resource Manager has (``arm_audience`` of the connection).
    """

    def __init__(self, credential: TokenCredential, cloud: Cloud) -> None:
        self._credential = credential
        self._scopes = {f"{cloud.resource_manager.rstrip('/')}/.default": cloud.scope(ARM)}

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token; azure-identity caches it by scope."""
        return self._credential.get_token(*(self._scopes.get(s, s) for s in scopes), **options)


def _cloud_keywords(connection: AzureMLConnection) -> dict[str, Any]:
    """``cloud_metadata`` is the SDK's documented way to a cloud of one's own."""
    keywords: dict[str, Any] = {}
    if connection.ca_bundle:
        keywords["connection_verify"] = connection.ca_bundle
    if connection.proxies:
        keywords["proxies"] = connection.proxies
    cloud = connection.cloud
    if cloud.name != CUSTOM:
        return {**keywords, "cloud": cloud.name}
    metadata = {
        "azure_portal": "https://portal.azure.com",
        "resource_manager": cloud.resource_manager,
        "active_directory": cloud.authority_host,
        "aml_resource_id": cloud.ml_audience,
        "storage_endpoint": "core.windows.net",
        "registry_discovery_endpoint": f"{cloud.resource_manager}/",
    }
    # The SDK keeps the first metadata it was given under a name, for the whole process.
    facts = json.dumps(metadata, sort_keys=True).encode()
    name = f"Custom{hashlib.sha256(facts).hexdigest()[:12]}"
    return {**keywords, "cloud": name, "cloud_metadata": metadata}


def _remember_deployment(operations: Any) -> None:
    """Bracket ``invoke`` so that the policy knows which deployment this call named."""
    original = operations.invoke

    def invoke(endpoint_name: str, *, deployment_name: str | None = None, **kwargs: Any) -> Any:
        with _one_call(deployment_name):
            return original(endpoint_name, deployment_name=deployment_name, **kwargs)

    invoke.__doc__ = original.__doc__
    operations.invoke = invoke


def _make_guard(token: Callable[[], str], cloud: Cloud) -> Any:
    from azure.core.exceptions import AzureError
    from azure.core.pipeline.policies import CustomHookPolicy

    class NotSentError(AzureError):
        """No subclass of ServiceRequestError, so neither the SDK's loop nor a retry policy eats it."""

    class Guard(CustomHookPolicy):  # type: ignore[type-arg]
        """The last policy before the wire; only a policy without ``next`` can be shared this way."""

        def on_request(self, request: Any) -> None:
            super().on_request(request)
            call, http = _CALL.get(), request.http_request
            if call is None or _REQUEST_ID not in http.headers:
                return
            if call.sent and call.last_status != 429:
                message = (
                    f"the job-creating POST is not sent twice; last answer: {call.last_status}"
                )
                raise NotSentError(message)
            if not trusted(http.url, cloud, ML):
                message = f"{shown_url(http.url)} is no host of {cloud.name}: no token was sent"
                raise NotSentError(message)
            call.sent, call.last_status = True, 0
            http.headers["Authorization"] = f"Bearer {token()}"
            http.headers.pop(_DEPLOYMENT, None)
            if call.deployment_name:
                http.headers[_DEPLOYMENT] = call.deployment_name

        def on_response(self, request: Any, response: Any) -> None:
            super().on_response(request, response)
            call = _CALL.get()
            if call is not None and _REQUEST_ID in request.http_request.headers:
                call.last_status = response.http_response.status_code

    return Guard()
