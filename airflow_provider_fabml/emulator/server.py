"""The emulator as a server in a thread: ``with EmulatorServer() as emulator: ...``."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from airflow_provider_fabml.emulator.app import identity_app, service_app
from airflow_provider_fabml.emulator.control import Control
from airflow_provider_fabml.emulator.loading import load_workspace
from airflow_provider_fabml.emulator.routes.token import IDENTITY_HEADER
from airflow_provider_fabml.emulator.service import Service
from airflow_provider_fabml.emulator.tls import Certificate, make_certificate
from airflow_provider_fabml.emulator.workspace import Clock, StorageAccount, Workspace

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.requests_log import RequestLog


class _Uvicorn(uvicorn.Server):
    """A server whose end does not wait for clients that keep connections open."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut every connection, then shut down."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await super().shutdown(sockets)


class _Listener:
    """One uvicorn server in a thread of its own."""

    def __init__(self, app: Any, host: str, port: int, tls: Certificate | None) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.port: int = self.socket.getsockname()[1]
        files = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key} if tls else {}
        config = uvicorn.Config(
            app, http="h11", log_config=None, log_level="critical", access_log=False,
            lifespan="off", ws="none",
            server_header=False, timeout_graceful_shutdown=2, **files,  # type: ignore[arg-type]
        )  # fmt: skip
        self._server = _Uvicorn(config)
        run = {"sockets": [self.socket]}
        self._thread = threading.Thread(target=self._server.run, kwargs=run, daemon=True)

    def start(self) -> None:
        """Serve; return once requests are answered."""
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the emulator's server ended before it was ready")
            self._thread.join(0.01)

    def end(self) -> None:
        """Tell the server to stop."""
        self._server.should_exit = True

    def wait(self) -> None:
        """Wait until the server has stopped."""
        self._thread.join(timeout=10)
        self.socket.close()


class EmulatorServer:
    """A local Azure ML workspace over TLS.

    :param workspace: a workspace, a dictionary, a YAML file, or None for the demo workspace.
    :param switches: positions that differ from the workspace's.
    :param clock: ``immediate``, ``timed`` or ``manual``; the workspace's own if None.
    :param storage: where blobs lie: a ``StorageAccount``, or anything with ``blob_url``, ``key``
        and perhaps ``ca_bundle``.
    :param model_dir: folder that ``{model_dir}`` in the workspace stands for.
    :param host: address to listen on; loopback unless told otherwise.
    :param port: 0 takes a free one.
    :param state_dir: folder for certificate files; a temporary one if None.
    :param ca_bundle_out: where the bundle of roots goes; in ``state_dir`` if None.
    :param faults: arguments of ``control.start_faults``; no faults from a seed if None.
    """

    def __init__(
        self,
        workspace: Workspace | dict[str, Any] | Path | str | None = None,
        *,
        switches: dict[str, Any] | None = None,
        clock: str | None = None,
        storage: Any = None,
        model_dir: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        state_dir: Path | None = None,
        ca_bundle_out: Path | None = None,
        faults: dict[str, Any] | None = None,
    ) -> None:
        self.workspace = _adjusted(load_workspace(workspace), clock, storage)
        self.service = Service(self.workspace, model_dir=model_dir)
        self.control = Control(self.service)
        self.control.set_switches(**(switches or {}))
        if faults is not None:
            self.control.start_faults(**faults)
        self._host, self._port = host, port
        self._state_dir, self._bundle = state_dir, ca_bundle_out
        self._temporary: Path | None = None
        self._listeners: list[_Listener] = []
        self.url = self.identity_url = ""
        self.ca_bundle = Path()

    def start(self) -> Self:
        """Make the certificate and listen; return once requests are answered."""
        if self._state_dir is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="emulator-"))
        folder = self._state_dir or self._temporary or Path()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        certificate = make_certificate(folder, self._host, self._bundle)
        self.ca_bundle = certificate.ca_bundle
        main = _Listener(service_app(self.service), self._host, self._port, certificate)
        identity = _Listener(identity_app(self.service), "127.0.0.1", 0, None)
        self._listeners = [main, identity]
        self.service.base_url = self.url = f"https://{_name(self._host)}:{main.port}"
        self.identity_url = f"http://127.0.0.1:{identity.port}"
        for listener in self._listeners:
            listener.start()
        return self

    def stop(self) -> None:
        """Stop serving; every scoring process is killed."""
        for listener in self._listeners:
            listener.end()
        for listener in self._listeners:
            listener.wait()
        self.service.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def requests(self) -> RequestLog:
        """Return the log of received requests."""
        return self.service.requests

    def environment(self) -> dict[str, str]:
        """Return the environment that points the Azure SDKs here."""
        principal, served = self.workspace.principals[0], self.workspace
        return {
            "AZUREML_DEV_URL_MFE": self.url,
            "REQUESTS_CA_BUNDLE": str(self.ca_bundle),
            "AZURE_AUTHORITY_HOST": self.url,
            "AZURE_TENANT_ID": served.tenant_id,
            "AZURE_CLIENT_ID": principal.client_id,
            "AZURE_CLIENT_SECRET": principal.secret or "",
            "AZURE_SUBSCRIPTION_ID": served.subscription_id,
            "AZURE_RESOURCE_GROUP": served.resource_group,
            "AZUREML_WORKSPACE_NAME": served.name,
        }

    def identity_environment(self, style: str = "imds") -> dict[str, str]:
        """Return the environment of a managed identity: ``imds`` or ``app_service``."""
        if style == "imds":
            return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.identity_url}
        return {
            "IDENTITY_ENDPOINT": f"{self.identity_url}/msi/token",
            "IDENTITY_HEADER": IDENTITY_HEADER,
        }

    def connection(self) -> dict[str, Any]:
        """Return an Airflow connection of type ``azure_ml`` that leads here."""
        principal, served = self.workspace.principals[0], self.workspace
        return {
            "conn_type": "azure_ml",
            "login": principal.client_id,
            "password": principal.secret or "",
            "extra": {
                "subscription_id": served.subscription_id,
                "resource_group": served.resource_group,
                "workspace_name": served.name,
                "tenant_id": served.tenant_id,
                "auth": "service_principal",
                "cloud": "custom",
                "resource_manager_url": self.url,
                "authority_host": self.url,
                "ca_bundle": str(self.ca_bundle),
            },
        }

    def write_ready_file(self, path: Path) -> None:
        """Write address, environment and connection as JSON, at once, for the owner only."""
        facts = {
            "address": self.url,
            "environment": self.environment(),
            "connection": self.connection(),
        }
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.touch(mode=0o600)
        part.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        part.replace(path)


def _name(host: str) -> str:
    """Return what clients call the server: 127.0.0.1 where it listens on every address."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _adjusted(workspace: Workspace, clock: str | None, storage: Any) -> Workspace:
    update: dict[str, Any] = {}
    if clock is not None:
        update["clock"] = Clock.model_validate(workspace.clock.model_dump() | {"mode": clock})
    if storage is not None:
        update["storage"] = _storage_account(storage)
    return workspace.model_copy(update=update)


def _storage_account(storage: Any) -> StorageAccount:
    if isinstance(storage, StorageAccount):
        return storage
    bundle = getattr(storage, "ca_bundle", None)
    return StorageAccount(url=storage.blob_url, key=storage.key, ca_bundle=bundle)
