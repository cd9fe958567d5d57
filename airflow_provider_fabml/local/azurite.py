"""Azurite, Microsoft's storage emulator, as a context manager.

Flags and their effects: Azurite 3.37 ``--help``; ``--skipApiVersionCheck`` because the Python SDK
speaks a newer service version than Azurite knows; own accounts through ``AZURITE_ACCOUNTS``.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Self

from airflow_provider_fabml.local.node import install, require_node
from airflow_provider_fabml.local.places import home, write_private
from airflow_provider_fabml.local.process import Child

PACKAGES = Path(__file__).with_name("azurite")
LISTENING = re.compile(r"(Blob|Queue|Table) service is successfully listening at \S+:(\d+)")
ACCOUNT = "trustedlake"


def ensure_azurite() -> Path:
    """Install Azurite from the committed lock file if need be; return its start script.

    Raises :class:`~airflow_provider_fabml.local.process.StackError` without Node.js.
    """
    require_node()
    return install(PACKAGES, home() / "azurite") / "azurite/dist/src/azurite.js"


class Azurite:
    """A storage server on 127.0.0.1 with one account and a key of its own.

    :param account: name of the storage account.
    :param key: its key, base64; a new random one if absent.
    :param location: folder that keeps the data over restarts; in memory if absent.
    :param tls: serve https with a new certificate (see :attr:`ca_bundle`) and accept OAuth tokens.
    :param ports: blob, queue and table port; 0 takes a free one.
    :param folder: where log and certificate go; a temporary one, gone at close, if absent.
    :param outlives: leave it running when this process ends.
    """

    def __init__(
        self,
        *,
        account: str = ACCOUNT,
        key: str | None = None,
        location: Path | None = None,
        tls: bool = False,
        ports: tuple[int, int, int] = (0, 0, 0),
        folder: Path | None = None,
        outlives: bool = False,
    ) -> None:
        self.account, self.location, self.tls, self.ports = account, location, tls, ports
        self.key = key or base64.b64encode(secrets.token_bytes(64)).decode()
        self._outlives, self._temporary = outlives, folder is None
        self._private = folder or Path(tempfile.mkdtemp(prefix="azurite-"))
        self._private.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log = self._private / "azurite.log"
        self.child: Child | None = None
        if tls:
            self._write_certificate()

    def __repr__(self) -> str:
        return f"Azurite(account={self.account!r}, blob_url={self.blob_url!r})"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self) -> Self:
        """Start it and return once it listens; later starts use the same ports and key."""
        offset = self._log.stat().st_size if self._log.exists() else 0
        self.child = Child(
            "Azurite",
            self._command(),
            log=self._log,
            env=os.environ | {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"},
            cwd=self._private,
            outlives=self._outlives,
        ).start()
        try:
            self.ports = self.child.wait_ready(lambda: read_ports(self._log, offset), timeout=30)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it; :meth:`start` brings it back at the same address (empty without a location)."""
        if self.child is not None:
            self.child.stop()

    def close(self) -> None:
        """Stop it for good and remove its temporary files."""
        self.stop()
        if self._temporary:
            shutil.rmtree(self._private, ignore_errors=True)

    @property
    def blob_url(self) -> str:
        """The account's blob endpoint, path style: ``http://127.0.0.1:PORT/ACCOUNT``."""
        return self._url(self.ports[0])

    @property
    def queue_url(self) -> str:
        """The account's queue endpoint, path style."""
        return self._url(self.ports[1])

    @property
    def connection_string(self) -> str:
        """Everything a storage client needs in one line. It holds the key: do not print it."""
        return (
            f"DefaultEndpointsProtocol={self._scheme};AccountName={self.account};"
            f"AccountKey={self.key};BlobEndpoint={self.blob_url};QueueEndpoint={self.queue_url};"
        )

    @property
    def ca_bundle(self) -> str:
        """PEM file of the authority that signed the certificate; only with ``tls=True``."""
        if not self.tls:
            raise AttributeError("ca_bundle exists with tls=True only")
        return str(self._private / "ca.pem")

    @property
    def _scheme(self) -> str:
        return "https" if self.tls else "http"

    def _url(self, port: int) -> str:
        return f"{self._scheme}://127.0.0.1:{port}/{self.account}"

    def _command(self) -> list[str]:
        blob, queue, table = (str(port) for port in self.ports)
        command = [*require_node().node, str(ensure_azurite())]
        command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        command += ["--blobPort", blob, "--queuePort", queue, "--tablePort", table]
        command += (
            ["--location", str(self.location)] if self.location else ["--inMemoryPersistence"]
        )
        if self.tls:
            cert, key = self._private / "cert.pem", self._private / "key.pem"
            command += ["--cert", str(cert), "--key", str(key), "--oauth", "basic"]
        return command

    def _write_certificate(self) -> None:
        import trustme

        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(self._private / "ca.pem")
        chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
        (self._private / "cert.pem").write_bytes(chain)
        write_private(self._private / "key.pem", server.private_key_pem.bytes().decode())


def read_ports(log: Path, offset: int = 0) -> tuple[int, int, int] | None:
    """Return the blob, queue and table port from what Azurite printed after byte *offset*."""
    with log.open("rb") as file:
        file.seek(offset)
        said = file.read().decode(errors="replace")
    found = {service: int(port) for service, port in LISTENING.findall(said)}
    return (found["Blob"], found["Queue"], found["Table"]) if len(found) == 3 else None
