"""An issuer of tokens and a storage server that checks them, both real, for every identity."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from azure.storage.blob import BlobServiceClient

from airflow_provider_fabml.core.storage.location import Location

CLIENT, SECRET = "11111111-aaaa-4444-8888-000000000001", "s3cr3t-of-the-principal"
OUTSIDE, SUBJECT = "https://cluster.example.com", "system:serviceaccount:airflow:worker"


class Cloud(NamedTuple):
    """A token issuer and OAuth storage behind one CA bundle; `place` is a container with a file."""

    emulator: Any
    ca_bundle: str
    place: Location
    certificate: Path
    token_file: Path
    client_id: str = CLIENT
    secret: str = SECRET

    @property
    def fields(self) -> dict[str, Any]:
        """The fields by which a connection reaches the issuer."""
        return {
            "tenant_id": self.emulator.workspace.tenant_id,
            "client_id": CLIENT,
            "authority_host": self.emulator.url,
            "ca_bundle": self.ca_bundle,
        }


@pytest.fixture(scope="session")
def cloud(azurite_tls, tmp_path_factory) -> Iterator[Cloud]:
    """Both servers, a certificate and a federated token of one principal."""
    from airflow_provider_fabml.emulator import EmulatorServer

    folder = tmp_path_factory.mktemp("cloud")
    certificate = _certificate(folder)
    principal = {
        "client_id": CLIENT,
        "secret": SECRET,
        "certificate_files": [str(certificate)],
        "federated_credentials": [{"issuer": OUTSIDE, "subject": SUBJECT}],
        "managed_identity": "system",
    }
    datastore = {"name": "workspaceblobstore", "container": "work", "default": True}
    with EmulatorServer({"principals": [principal], "datastores": [datastore]}) as emulator:
        bundle = folder / "roots.pem"
        bundle.write_text(
            Path(azurite_tls.ca_bundle).read_text() + Path(emulator.ca_bundle).read_text()
        )
        served = emulator.workspace.principals[0].federated_credentials[0]
        token_file = folder / "federated-token"
        token_file.write_text(emulator.service.issuer.federated(served))
        place = Location(azurite_tls.account, "oauth", "d", azurite_tls.blob_url)
        with BlobServiceClient.from_connection_string(
            azurite_tls.connection_string, connection_verify=azurite_tls.ca_bundle
        ) as service:
            service.create_container("oauth").upload_blob("d/a.csv", b"1")
        yield Cloud(emulator, str(bundle), place, certificate, token_file)


def _certificate(folder: Path) -> Path:
    """Make a self-signed certificate with its key in one PEM file, as azure-identity takes it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "principal")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "principal.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
