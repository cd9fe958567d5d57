"""Emulators for tests: a workspace around one scoring script, and a way to speak HTTP to it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_fabml.emulator import EmulatorServer
from airflow_provider_fabml.emulator.tokens import ARM_AUDIENCE, ML_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ECHO = """
    from pathlib import Path
    def init(): pass
    def run(mini_batch): return [Path(path).name for path in mini_batch]
"""


class Client:
    """Speaks HTTP to one emulator, with tokens it needs not ask for."""

    def __init__(self, emulator: EmulatorServer) -> None:
        self.emulator = emulator
        self.ws = emulator.workspace.path
        self.history = f"/history/v1.0{self.ws}"
        self._session = requests.Session()
        self._session.trust_env = False  # REQUESTS_CA_BUNDLE would beat ``verify``
        self._session.verify = str(emulator.ca_bundle)

    def token(self, audience: str, principal: int = 0, lifetime: int | None = None) -> str:
        """Return a token of the workspace's nth principal."""
        issuer = self.emulator.service.issuer
        chosen = self.emulator.workspace.principals[principal]
        return issuer.mint(chosen, audience, lifetime=lifetime)

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Send a request with the token its path wants, unless ``token`` is given."""
        audience = ML_AUDIENCE if path.startswith(("/endpoints", "/mferp")) else ARM_AUDIENCE
        token = options.pop("token", None) or self.token(audience)
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        data = {"data": body} if isinstance(body, str) else {"json": body}
        return self._session.request(
            method, self.emulator.url + path, headers=headers, timeout=30, **data, **options
        )

    def invoke(self, job: dict[str, Any], endpoint: str = "scorer", **options: Any):
        """Invoke an endpoint with ``properties``; return the answer."""
        return self.ask("POST", f"/endpoints/{endpoint}/jobs", {"properties": job}, **options)

    def run(self, uri: str, **more: Any) -> dict[str, Any]:
        """Score a folder to the end; return the truth about the job."""
        answer = self.invoke(
            {"inputData": {"i": {"jobInputType": "UriFolder", "uri": uri}}, **more}
        )
        assert answer.status_code == 201, answer.text
        name = answer.json()["name"]
        self.emulator.control.wait(name)
        return self.emulator.control.job(name)

    def run_data(self, run_id: str) -> dict[str, Any]:
        """Return a run's metadata."""
        body = {"runId": run_id, "selectRunMetadata": True}
        return self.ask("POST", f"{self.history}/rundata", body).json()["runMetadata"]


@pytest.fixture
def client_of() -> Callable[[EmulatorServer], Client]:
    """Return what speaks HTTP to an emulator that a test started itself."""
    return Client


def one_endpoint(script: Path, container: str = "data", **deployment: Any) -> dict[str, Any]:
    """Return a workspace with one endpoint, ``scorer``, over one scoring script."""
    return {
        "principals": [
            {"client_id": "app", "secret": "right"},
            {"client_id": "reader", "secret": "r", "not_actions": ["*/write", "*/cancel/action"]},
        ],
        "datastores": [
            {"name": "workspaceblobstore", "container": "default-store", "default": True},
            {"name": "data", "container": container},
            {"name": "lake", "container": "lake", "type": "AzureDataLakeGen2"},
        ],
        "endpoints": [
            {
                "name": "scorer",
                "default_deployment": "only",
                "deployments": [
                    {
                        "kind": "model",
                        "name": "only",
                        "scoring_script": str(script),
                        "max_retries": 0,
                        **deployment,
                    }
                ],
            },
            {"name": "headless", "deployments": []},
        ],
    }


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Start an emulator around a script; options are the deployment's, or ``EmulatorServer``'s."""
    running: list[EmulatorServer] = []

    def start(script: str = ECHO, *, container: str = "data", **options: Any) -> Client:
        server = {
            name: options.pop(name) for name in ("switches", "clock", "storage") if name in options
        }
        changes, also = options.pop("workspace", {}), options.pop("also", [])
        file = tmp_path / "score.py"
        file.write_text(textwrap.dedent(script), encoding="utf-8")
        workspace = one_endpoint(file, container, **options) | changes
        workspace["endpoints"] = [*workspace["endpoints"], *also]
        running.append(EmulatorServer(workspace, **server).start())
        return Client(running[-1])

    yield start
    for emulator in running:
        emulator.stop()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One emulator for a whole module; its jobs stay where they are."""
    file = tmp_path_factory.mktemp("script") / "score.py"
    file.write_text(textwrap.dedent(ECHO), encoding="utf-8")
    with EmulatorServer(one_endpoint(file), clock="manual") as emulator:
        yield Client(emulator)


class Blobs:
    """A container with files in it."""

    def __init__(self, azurite: Any, container: str) -> None:
        from azure.storage.blob import ContainerClient

        self.container = container
        self.client = ContainerClient.from_connection_string(azurite.connection_string, container)

    def put(self, **files: str) -> str:
        """Upload ``name=text`` files below ``in/``; return the folder's URI."""
        for name, text in files.items():
            self.client.upload_blob(f"in/{name}.csv", text.encode(), overwrite=True)
        return "azureml://datastores/data/paths/in"

    def text(self, path: str) -> str:
        """Return a blob's text."""
        return self.client.download_blob(path).readall().decode()

    def names(self) -> list[str]:
        """Return every blob's name."""
        return list(self.client.list_blob_names())


@pytest.fixture
def blobs(azurite: Any, azurite_container: str) -> Blobs:
    """The container behind the datastore ``data``."""
    return Blobs(azurite, azurite_container)


@pytest.fixture
def score(serve: Any, blobs: Blobs, azurite: Any) -> Callable[..., Client]:
    """Like ``serve``, over Azurite with the datastore ``data`` on a fresh container."""
    return lambda script=ECHO, **options: serve(
        script, container=blobs.container, storage=azurite, **options
    )
