"""Azure ML batch endpoints, for a worker (blocking) and for a triggerer (asyncio).

Both are thin: what is asked and what an answer means stands once, in ``core.service.flows``.
"""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_fabml.clients.credentials import make_async_credential, make_credential
from airflow_provider_fabml.clients.explain import Explainer
from airflow_provider_fabml.clients.http import AsyncSender, Sender, Wire
from airflow_provider_fabml.core.errors import AnswerLostError, NotSentError, PermanentError
from airflow_provider_fabml.core.service import flows
from airflow_provider_fabml.core.service.assets import with_asset_ids

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.core.connections.azure_ml_connection import AzureMLConnection
    from airflow_provider_fabml.core.jobs.failure import FailureReason
    from airflow_provider_fabml.core.jobs.job import JobView


def _wire(connection: AzureMLConnection) -> Wire:
    """How the connection's hosts are reached. A CA bundle that cannot be used is told here once."""
    wire = Wire(
        connection.connect_timeout,
        connection.read_timeout,
        connection.ca_bundle,
        connection.proxies,
    )
    if isinstance(wire.verify, str):
        try:
            _load(Path(wire.verify))
        except OSError as error:
            raise PermanentError(
                f"the CA bundle {wire.verify!r} cannot be used ({error.strerror or error})",
                remedy="name a readable PEM file in the connection's ca_bundle or in REQUESTS_CA_BUNDLE",
            ) from error
    return wire


def _load(roots: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    folder = roots.is_dir()
    context.load_verify_locations(None if folder else roots, roots if folder else None)


class BatchEndpointClient:
    """Speaks for one connection in the calling thread. Use it in a ``with`` statement.

    Every method raises ``TransientError`` or
    ``PermanentError``.
    """

    def __init__(self, connection: AzureMLConnection) -> None:
        wire = _wire(connection)
        credential = make_credential(
            connection.identity, ca_bundle=connection.ca_bundle, proxies=connection.proxies
        )
        self._sender = Sender(credential, connection.cloud, wire)
        # The longest a request takes: connecting, then waiting for the answer.
        self.request_time = timedelta(seconds=wire.connect_timeout + wire.read_timeout)
        self.site = flows.Site(connection.workspace, connection.cloud)
        self._api: str | None = None

    def target(
        self, endpoint_name: str, deployment_name: str | None, kind: str | None
    ) -> flows.Target:
        """The deployment an invocation would reach, and its kind."""
        return self._sender.run(flows.target(self.site, endpoint_name, deployment_name, kind))

    def invoke(
        self,
        target: flows.Target,
        body: dict[str, Any],
        *,
        deployment_name: str | None,
        invocation_id: str,
        seconds: float | None = None,
        not_after: datetime | None = None,
    ) -> JobView:
        """The one job-creating POST, not sent after ``not_after``; its answer has ``seconds`` to come.

        Raises ``AnswerLostError`` when a job may exist without our knowing.
        """
        return self._sender.run(
            flows.invoke(
                target,
                body,
                deployment_name=deployment_name,
                invocation_id=invocation_id,
                seconds=seconds,
                not_after=not_after,
            )
        )

    def with_asset_ids(self, body: dict[str, Any]) -> dict[str, Any]:
        """The request as ``invoke`` wants it: the service takes no ``azureml:<name>:<version>``.

        An answer that is lost here is a lost read: nothing was sent.
        """
        try:
            return self._sender.run(with_asset_ids(self.site, body))
        except AnswerLostError as error:
            raise NotSentError(error.what) from error

    def get_job(self, job_name: str) -> JobView:
        """One job, one request."""
        return self._sender.run(flows.job(self.site, job_name))

    def get_job_resource(self, job_name: str) -> dict[str, Any]:
        """One job's whole resource, as the service tells it."""
        return self._sender.run(flows.job_resource(self.site, job_name))

    def cancel_job(self, job_name: str) -> bool:
        """Ask for a cancellation without waiting for it; False when the job had ended."""
        return self._sender.run(flows.cancel(self.site, job_name))

    def list_jobs(self, endpoint_name: str) -> list[dict[str, Any]]:
        """All job resources of an endpoint; every page is read."""
        return self._sender.run(flows.jobs(self.site, endpoint_name))

    def failure_reason(self, job_name: str) -> FailureReason:
        """Why a job failed: the most telling error of its run and child runs, and their logs."""
        if self._api is None:
            self._api = self._sender.run(flows.api_host(self.site))
        return Explainer(self._sender.run, self.site, self._api).explain(job_name)

    def list_endpoints(self) -> list[dict[str, Any]]:
        """All batch endpoints of the workspace."""
        return self._sender.run(flows.endpoints(self.site))

    def list_deployments(self, endpoint_name: str) -> list[dict[str, Any]]:
        """All deployments of an endpoint."""
        return self._sender.run(flows.deployments(self.site, endpoint_name))

    def get_datastore(self, name: str) -> dict[str, Any]:
        """A datastore: account and container, never its secrets."""
        return self._sender.run(flows.datastore(self.site, name))

    def get_workspace(self) -> dict[str, Any]:
        """The workspace resource."""
        return self._sender.run(flows.workspace(self.site))

    def close(self) -> None:
        """Close connections and credential."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncBatchEndpointClient:
    """What a trigger needs of ``BatchEndpointClient``, for one event loop."""

    def __init__(self, connection: AzureMLConnection) -> None:
        wire = _wire(connection)
        # Also for the issuer: aiohttp does not read REQUESTS_CA_BUNDLE by itself.
        roots = wire.verify if isinstance(wire.verify, str) else None
        credential = make_async_credential(
            connection.identity, ca_bundle=roots, proxies=connection.proxies
        )
        self._sender = AsyncSender(credential, connection.cloud, wire)
        self.site = flows.Site(connection.workspace, connection.cloud)

    async def get_job(self, job_name: str) -> JobView:
        """One job, one request."""
        return await self._sender.run(flows.job(self.site, job_name))

    async def cancel_job(self, job_name: str) -> bool:
        """Ask for a cancellation without waiting for it; False when the job had ended."""
        return await self._sender.run(flows.cancel(self.site, job_name))

    async def close(self) -> None:
        """Close connections and credential."""
        await self._sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
