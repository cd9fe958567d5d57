"""A host that nobody named: a real TLS server that keeps whatever it is sent."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class Foreign(ThreadingHTTPServer):
    """Answers everything alike; `seen` holds method, path, headers and body of each request."""

    daemon_threads = True

    def __init__(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.headers = status, dict(headers or {})
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://127.0.0.1:{self.server_address[1]}"

    def bundle(self, folder: Path, *others: str) -> str:
        """Write a bundle that trusts this server too; give its path."""
        path = folder / f"trusts-{self.server_address[1]}.pem"
        path.write_bytes(self.authority.cert_pem.bytes() + "\n".join(others).encode())
        return str(path)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that does not trust us hangs up, as it should."""


class _Handler(BaseHTTPRequestHandler):
    server: Foreign

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        text = b'{"name": "stolen", "value": [], "properties": {"status": "Completed"}}'
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_words: Any) -> None:
        """Keep quiet."""


@contextmanager
def foreign_host(status: int = 200, headers: Mapping[str, str] | None = None) -> Iterator[Foreign]:
    """Serve in a thread."""
    with Foreign(status, headers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
