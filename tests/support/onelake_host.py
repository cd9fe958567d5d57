"""OneLake's blob host under its own names: TLS behind a proxy that knows where it really is.

Answers: Microsoft Learn, "List Blobs", as OneLake serves it (fabric-docs, onelake-api-parity): tokens
only, and a query parameter that it does not know rejects the whole request.
"""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import jwt
import trustme
from support.proxy import proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.proxy import Address

_KNOWN = {"restype", "comp", "prefix", "delimiter", "marker", "maxresults", "include"}
_STORAGE = "https://storage.azure.com"


class OneLakeHost(ThreadingHTTPServer):
    """Lists `files` (workspace/item/path: size); `asked` holds host and path of each request.

    `proxies` is the field of a connection by which OneLake's names lead here.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, int], *hosts: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.asked = files, list[str]()
        self.authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*hosts).configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.proxies: dict[str, str] = {}

    def place(self, asked: Address) -> Address:
        """Where an address really is: OneLake's names are here."""
        here = asked[0].endswith(".fabric.microsoft.com")
        return ("127.0.0.1", self.server_address[1]) if here else asked


class _Handler(BaseHTTPRequestHandler):
    server: OneLakeHost

    def do_GET(self) -> None:
        """List the blobs of a workspace, or refuse as OneLake does."""
        url = urlsplit(self.path)
        self.server.asked.append(f"{self.headers['Host']}{url.path}")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if self._audience() != _STORAGE:
            return self._send(401, _error("InvalidAuthenticationInfo"))
        if set(query) - _KNOWN:
            return self._send(400, _error("UnsupportedQueryParameter"))
        workspace, prefix = unquote(url.path).strip("/"), query.get("prefix", "")
        names = {
            name.removeprefix(f"{workspace}/"): size
            for name, size in sorted(self.server.files.items())
            if name.startswith(f"{workspace}/{prefix}")
        }
        blobs = "".join(_listed(names, len(prefix), query.get("delimiter")))
        body = f'<EnumerationResults ContainerName="{escape(workspace)}"><Blobs>{blobs}</Blobs><NextMarker/>'
        return self._send(200, f"{body}</EnumerationResults>")

    def _audience(self) -> str:
        token = (self.headers.get("Authorization") or "").partition(" ")[2]
        try:
            return str(jwt.decode(token, options={"verify_signature": False})["aud"])
        except jwt.InvalidTokenError:
            return ""

    def _send(self, status: int, body: str) -> None:
        content = f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words: Any) -> None:
        """Keep quiet."""


def _listed(names: dict[str, int], start: int, delimiter: str | None) -> Iterator[str]:
    """Files below the prefix; with a delimiter, folders in their place."""
    folders: dict[str, None] = {}
    for name, size in names.items():
        first, cut, _ = name[start:].partition(delimiter or "\0")
        if cut:
            folders[name[:start] + first + cut] = None
        else:
            yield _blob(name, size)
    yield from (f"<BlobPrefix><Name>{escape(one)}</Name></BlobPrefix>" for one in folders)


def _blob(name: str, size: int) -> str:
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties><Etag>0x1</Etag>"
        "<Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified>"
        f"<Content-Length>{size}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
    )


def _error(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>refused</Message></Error>"


@contextmanager
def onelake_host(files: dict[str, int], *hosts: str) -> Iterator[OneLakeHost]:
    """Serve it, and the proxy that knows where it is, in threads."""
    with OneLakeHost(files, *hosts) as server, proxy(server.place) as way:
        server.proxies = way.proxies
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
