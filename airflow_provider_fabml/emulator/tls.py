"""The server's certificate, made at start, and a bundle of roots that trusts it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import NamedTuple

NAMES = ("localhost", "127.0.0.1", "::1")


class Certificate(NamedTuple):
    """Files of a server certificate and of what clients have to trust."""

    certificate: Path
    key: Path
    ca_bundle: Path


def make_certificate(folder: Path, host: str, bundle: Path | None = None) -> Certificate:
    """Make a CA, a server certificate for this machine's names, and the bundle of all roots."""
    import trustme

    authority = trustme.CA()
    served = authority.issue_cert(*dict.fromkeys((*NAMES, *_extra_name(host))))
    certificate, key = folder / "server.pem", folder / "server.key"
    key.touch(mode=0o600)
    served.private_key_pem.write_to_path(key)
    certificate.write_bytes(b"".join(blob.bytes() for blob in served.cert_chain_pems))
    target = bundle or folder / "ca-bundle.pem"
    target.write_bytes(usual_roots() + b"\n" + authority.cert_pem.bytes())
    return Certificate(certificate, key, target)


def _extra_name(host: str) -> tuple[str, ...]:
    return () if host in {"0.0.0.0", "::", ""} else (host,)  # noqa: S104 - compared, not bound


def usual_roots() -> bytes:
    """Return the roots this machine trusts: the caller's bundle, the system's, or certifi's."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        path = Path(os.environ.get(name) or "/nonexistent")
        if path.is_file():
            return path.read_bytes()
    system = ssl.get_default_verify_paths().cafile
    if system and Path(system).is_file():
        return Path(system).read_bytes()
    import certifi

    return Path(certifi.where()).read_bytes()
