"""A forward proxy that keeps every byte it carries, and may lead a name elsewhere."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Address = tuple[str, int]


class Proxy(socketserver.ThreadingTCPServer):
    """Takes CONNECT; `bytes` holds what went either way, the requests to connect included."""

    daemon_threads = True

    def __init__(self, place: Callable[[Address], Address]) -> None:
        super().__init__(("127.0.0.1", 0), _Carrier)
        self.place, self.bytes = place, b""

    @property
    def proxies(self) -> dict[str, str]:
        """The field of a connection that leads through it."""
        return {"https": f"http://127.0.0.1:{self.server_address[1]}"}


class _Carrier(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        """Connect, then carry until either side is done or silent for ten seconds."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(4096)
        self.server.bytes += head
        host, _, port = head.split()[1].decode().partition(":")
        with socket.create_connection(self.server.place((host, int(port)))) as far:
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.request: far, far: self.request}
            while ready := select.select(list(ends), [], [], 10)[0]:
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    self.server.bytes += data
                    ends[end].sendall(data)


@contextmanager
def proxy(place: Callable[[Address], Address] = lambda asked: asked) -> Iterator[Proxy]:
    """Serve in a thread; `place` says where an address really is."""
    with Proxy(place) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
