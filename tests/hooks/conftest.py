"""A workspace with one principal for each kind of identity; its jobs move only when told to."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from support.task_runner import Supervisor, supervised

from airflow_provider_fabml.emulator import EmulatorServer, load_workspace
from airflow_provider_fabml.emulator.workspace import FederatedCredential, Principal
from airflow_provider_fabml.hooks.azure_ml import AzureMLBatchHook

if TYPE_CHECKING:
    from collections.abc import Iterator

CERTIFIED, FEDERATED, ASSIGNED, OTHER = "certified-app", "federated-app", "assigned", "other-app"
OTHER_SECRET = "secret-of-the-other-app"
CONN_ID = "azure_ml_default"


@dataclass
class Site:
    """The emulator and the files that identities are made of."""

    emulator: EmulatorServer
    folder: Path

    def connection(self, **extra: Any) -> dict[str, Any]:
        """A connection with other extra fields; `login` and `password` go where they belong."""
        made = copy.deepcopy(self.emulator.connection())
        for name in ("login", "password"):
            if name in extra:
                made[name] = extra.pop(name)
        made["extra"] = {k: v for k, v in {**made["extra"], **extra}.items() if v is not None}
        return made

    def tokens(self) -> int:
        """How many tokens were asked for so far."""
        seen = self.emulator.requests.all()
        return sum("/oauth2/" in r.path or "msi" in r.path or "metadata" in r.path for r in seen)

    def job(self) -> str:
        """A new job of the default principal; it stands still."""
        with supervised(Supervisor({CONN_ID: self.connection()}, {})):
            hook = AzureMLBatchHook()
            handle = hook.invoke(
                "heart-classifier",
                inputs={"heart": {"JobInputType": "UriFolder", "Uri": STORE + "heart"}},
                outputs={"score": {"JobOutputType": "UriFile", "Uri": STORE + "out.csv"}},
            )
            hook.close()
        return handle.job_name


STORE = "azureml://datastores/trusted_blob/paths/"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One emulator for a module."""
    folder = tmp_path_factory.mktemp("identity")
    leaf = trustme.CA().issue_cert("client.example", key_type=trustme.KeyType.RSA)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(folder / "with_key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "public.pem"))
    federation = FederatedCredential(issuer="https://kubernetes", subject="system:pod")
    demo = load_workspace(None)
    more = [
        Principal(client_id=CERTIFIED, certificate_files=[folder / "public.pem"]),
        Principal(client_id=FEDERATED, federated_credentials=[federation]),
        Principal(client_id=ASSIGNED, managed_identity="user"),
        Principal(client_id=OTHER, secret=OTHER_SECRET),
    ]
    served = demo.model_copy(update={"principals": [*demo.principals, *more]})
    with EmulatorServer(served, clock="manual") as emulator:
        token = emulator.service.issuer.federated(federation)
        (folder / "federated.jwt").write_text(token, encoding="utf-8")
        yield Site(emulator, folder)


@pytest.fixture
def connected(site: Site) -> Iterator[dict[str, Any]]:
    """Airflow's connections, as a task sees them; the test changes the dictionary."""
    connections = {CONN_ID: site.connection()}
    with supervised(Supervisor(connections, {})):
        yield connections
