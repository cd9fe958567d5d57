"""Invocations by the SDK's own client in threads, with two identities: guarded by us, or as it comes."""

from __future__ import annotations

import logging
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

THREADS = 8


class Calls(NamedTuple):
    """What one process is to call: how many, on which input, with which connections."""

    numbers: list[int]
    folder: str
    connections: dict[str, dict[str, Any]]
    environment: dict[str, str]
    place: tuple[str, str, str]
    guarded: bool


def call_all(calls: Calls) -> dict[int, str]:
    """Invoke once for each number; gives the job's name, or the error after a ``!``."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.environ.update(calls.environment)
    clients = [_client(calls, f"azure_ml_{index}") for index in (0, 1)]
    with ThreadPoolExecutor(THREADS) as pool:
        told = pool.map(
            lambda number: _call(clients[number % 2], calls.folder, number), calls.numbers
        )
        return dict(zip(calls.numbers, told, strict=True))


def _client(calls: Calls, conn_id: str) -> Any:
    row = calls.connections[conn_id]
    if calls.guarded:
        from airflow_provider_fabml.clients.guarded_ml_client import make_ml_client
        from airflow_provider_fabml.core.connections.azure_ml_connection import (
            parse_azure_ml_connection,
        )

        fields = {"login": row["login"], "password": row["password"], "name": conn_id}
        return make_ml_client(parse_azure_ml_connection(row["extra"], **fields))
    from azure.ai.ml import MLClient
    from azure.identity import ClientSecretCredential

    credential = ClientSecretCredential(
        calls.environment["AZURE_TENANT_ID"],
        row["login"],
        row["password"],
        authority=calls.environment["AZURE_AUTHORITY_HOST"],
        disable_instance_discovery=True,
    )
    return MLClient(credential, *calls.place, enable_telemetry=False)


def _call(client: Any, folder: str, number: int) -> str:
    from azure.ai.ml import Input, Output

    named = {} if deployment_of(number) is None else {"deployment_name": deployment_of(number)}
    path = f"azureml://datastores/trusted_blob/paths/sdk/soak__{number}/predictions.csv"
    try:
        job = client.batch_endpoints.invoke(
            "heart-classifier",
            inputs={"heart": Input(type="uri_folder", path=folder)},
            outputs={"score": Output(type="uri_file", path=path)},
            **named,
        )
    except Exception as error:  # noqa: BLE001 - whatever a caller would get
        return f"!{type(error).__name__}"
    return str(job.name)


def deployment_of(number: int) -> str | None:
    """The deployment that call number ``number`` names; None leaves it to the endpoint."""
    return (None, "strict-rule")[number // 2 % 2]
