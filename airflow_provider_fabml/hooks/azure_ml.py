"""An Airflow connection of type ``azure_ml`` becomes a client of Azure ML batch endpoints."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook

from airflow_provider_fabml.core.connections.azure_ml_connection import (
    AzureMLConnection,
    parse_azure_ml_connection,
)
from airflow_provider_fabml.core.errors import FabmlError, UsageError
from airflow_provider_fabml.core.jobs.job import JobHandle
from airflow_provider_fabml.core.scoring.invocation import (
    parse_invocation,
    place_outputs,
    request_body,
    shown_inputs,
    shown_outputs,
)
from airflow_provider_fabml.core.scoring.kind_rules import check_kind, parse_kind
from airflow_provider_fabml.core.scoring.run_identity import attempt_name
from airflow_provider_fabml.hooks.airflow_errors import connection_found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.ai.ml import MLClient

    from airflow_provider_fabml.clients.batch_endpoint import (
        AsyncBatchEndpointClient,
        BatchEndpointClient,
    )
    from airflow_provider_fabml.core.jobs.failure import FailureReason
    from airflow_provider_fabml.core.jobs.job import JobView


class AzureMLBatchHook(BaseHook):
    """Azure ML batch endpoints through an Airflow connection.

    :param azure_ml_conn_id: a connection of type ``azure_ml``: subscription, resource group,
        workspace, identity and cloud.
    """

    conn_name_attr = "azure_ml_conn_id"
    default_conn_name = "azure_ml_default"
    conn_type = "azure_ml"
    hook_name = "Azure ML batch endpoints"

    def __init__(self, azure_ml_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.azure_ml_conn_id = azure_ml_conn_id
        self._connection: AzureMLConnection | None = None
        self._client: BatchEndpointClient | None = None

    def get_connection_value(self) -> AzureMLConnection:
        """The connection as a value.

        Raises ``UsageError`` naming the field to mend, ``PermanentError`` where it is not defined.
        """
        if self._connection is None:
            from airflow.sdk.log import mask_secret

            with connection_found(self.azure_ml_conn_id):
                connection = self.get_connection(self.azure_ml_conn_id)
            self._connection = _parse(self.azure_ml_conn_id, connection)
            for secret in _secrets(self._connection):
                mask_secret(secret)
        return self._connection

    async def aget_connection_value(self) -> AzureMLConnection:
        """The connection as a value, for a trigger."""
        if self._connection is None:
            from airflow.sdk.log import amask_secret

            with connection_found(self.azure_ml_conn_id):
                connection = await self.aget_connection(self.azure_ml_conn_id)
            self._connection = _parse(self.azure_ml_conn_id, connection)
            for secret in _secrets(self._connection):
                await amask_secret(secret)
        return self._connection

    def get_conn(self) -> MLClient:
        """A real ``azure.ai.ml.MLClient``, guarded against re-sent POSTs and leaking headers.

        Imported on first use: over a second of CPU and 100 MB. Operators do without it.
        """
        from airflow_provider_fabml.clients.guarded_ml_client import make_ml_client

        return make_ml_client(self.get_connection_value())

    def get_client(self) -> BatchEndpointClient:
        """A client of the caller's own, as operators use; use it in a ``with`` statement."""
        from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient

        return BatchEndpointClient(self.get_connection_value())

    def _kept_client(self) -> BatchEndpointClient:
        """The client of this hook's own methods: one set of connections and tokens for all calls."""
        if self._client is None:
            self._client = self.get_client()
        return self._client

    def close(self) -> None:
        """Close the connections of this hook's own methods; the next call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def aget_client(self) -> AsyncBatchEndpointClient:
        """The client triggers use; use it in an ``async with`` statement."""
        from airflow_provider_fabml.clients.batch_endpoint import AsyncBatchEndpointClient

        return AsyncBatchEndpointClient(await self.aget_connection_value())

    def invoke(
        self,
        endpoint_name: str,
        *,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        deployment_name: str | None = None,
        job_settings: Mapping[str, Any] | None = None,
        deployment_kind: str | None = None,
    ) -> JobHandle:
        """Start one batch job and return its handle, without any memory of having done so.

        The operator remembers across tries; this method is for scripts that keep their own books.
        Output URIs are taken as written and must be unique.

        Raises ``UsageError`` before anything is sent, and
        ``AnswerLostError`` when a job may exist although no answer came.
        """
        invocation = parse_invocation(
            endpoint_name=endpoint_name,
            deployment_name=deployment_name,
            inputs=inputs,
            outputs=outputs,
            job_settings=job_settings,
        )
        kind, invocation_id = parse_kind(deployment_kind), str(uuid.uuid4())
        client = self._kept_client()
        target = client.target(endpoint_name, deployment_name, kind)
        check_kind(invocation, target.kind)
        placed = place_outputs(invocation, target.kind, "", attempt_name(1, invocation_id))
        body = request_body(invocation, placed, tags={}, description=None)
        view = client.invoke(
            target,
            client.with_asset_ids(body),
            deployment_name=invocation.deployment_name,
            invocation_id=invocation_id,
        )
        return JobHandle(
            job_name=view.name,
            endpoint_name=endpoint_name,
            deployment_name=target.deployment_name,
            status=view.status,
            studio_url=view.studio_url,
            inputs=shown_inputs(invocation),
            outputs=shown_outputs(placed),
            submitted_at=view.created_at,
            invocation_id=invocation_id,
        )

    def get_job(self, job_name: str) -> JobView:
        """The job's status, studio link and properties: one request."""
        return self._kept_client().get_job(job_name)

    async def aget_job(self, job_name: str) -> JobView:
        """The job's status, studio link and properties: one request."""
        async with await self.aget_client() as client:
            return await client.get_job(job_name)

    def cancel_job(self, job_name: str) -> bool:
        """Ask for a cancellation without waiting for it; False when the job had ended."""
        return self._kept_client().cancel_job(job_name)

    async def acancel_job(self, job_name: str) -> bool:
        """Ask for a cancellation without waiting for it; False when the job had ended."""
        async with await self.aget_client() as client:
            return await client.cancel_job(job_name)

    def failure_reason(self, job_name: str) -> FailureReason:
        """Why a job failed: the most telling error of its run and child runs, and their logs."""
        return self._kept_client().failure_reason(job_name)

    def list_endpoints(self) -> list[dict[str, Any]]:
        """All batch endpoints of the workspace, as the service describes them."""
        return self._kept_client().list_endpoints()

    def list_deployments(self, endpoint_name: str) -> list[dict[str, Any]]:
        """All deployments of an endpoint, as the service describes them."""
        return self._kept_client().list_deployments(endpoint_name)

    def test_connection(self) -> tuple[bool, str]:
        """Reads the workspace and its endpoints; says what to mend when that fails."""
        try:
            client = self._kept_client()
            workspace = client.get_workspace()
            count = len(client.list_endpoints())
        except FabmlError as error:
            return False, str(error)
        name, region = workspace.get("name"), workspace.get("location")
        return True, f"Workspace {name!r} in {region} answers; it has {count} batch endpoints."


def _secrets(connection: AzureMLConnection) -> list[str]:
    """What must not be shown: the identity's secrets, and passwords inside proxy URLs."""
    proxies = (connection.proxies or {}).values()
    passwords = [urlsplit(url).password for url in proxies]
    return [*connection.identity.secrets, *(word for word in passwords if word)]


def _parse(conn_id: str, connection: Any) -> AzureMLConnection:
    try:
        fields = json.loads(connection.extra or "{}")
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise UsageError(
            rule="connection-extra",
            field=f"connection {conn_id!r}: extra",
            value="(hidden)",
            reason="it is no JSON object",
            remedy="fill in the connection form, or write the extra as a JSON object",
        )
    return parse_azure_ml_connection(
        fields, login=connection.login, password=connection.password, name=conn_id
    )
