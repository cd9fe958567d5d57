"""The proxy passes bytes on, and does to connections what it is told."""

from __future__ import annotations

import socket
import threading

import pytest
from faults.proxy import Proxy


class Echo:
    """A server that answers each message with itself and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=[connection], daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(1024):
                    self.got.append(data)
                    connection.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


@pytest.fixture
def echo():
    """An echo server."""
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo):
    """A proxy before it."""
    with Proxy(echo.port) as running:
        yield running


@pytest.fixture
def client(proxy):
    """A client that has spoken through the proxy once."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        connection.sendall(b"one")
        assert connection.recv(10) == b"one"
        yield connection


def _port(client: socket.socket) -> int:
    return client.getsockname()[1]


def _wait(done) -> None:
    for _ in range(200):
        if done():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not happen")


def test_what_is_held_arrives_when_it_is_released(proxy, echo, client):
    """Held bytes are seen, do not arrive, and arrive after their release."""
    ports = [_port(client)]
    proxy.hold(ports)
    client.sendall(b"two")
    _wait(lambda: proxy.held(ports) == ports)
    assert echo.got == [b"one"]
    proxy.release(ports)
    assert client.recv(10) == b"two"


def test_what_is_discarded_never_arrives(proxy, echo, client):
    """Discarded bytes are lost together with their connection."""
    ports = [_port(client)]
    proxy.hold(ports)
    client.sendall(b"two")
    _wait(lambda: proxy.held(ports) == ports)
    proxy.release(ports, discard=True)
    assert client.recv(10) == b""
    assert echo.got == [b"one"]


def test_what_was_held_arrives_though_the_client_has_gone(proxy, echo, client):
    """A request of a client that was killed is still delivered."""
    ports = [_port(client)]
    proxy.hold(ports)
    client.sendall(b"two")
    _wait(lambda: proxy.held(ports) == ports)
    client.close()
    proxy.release(ports)
    _wait(lambda: echo.got == [b"one", b"two"])


def test_a_cut_resets_the_connection(proxy, client):
    """Both sides see a reset."""
    assert proxy.cut([_port(client)]) == 1
    with pytest.raises(ConnectionError):
        assert client.recv(10)  # a reset, not an orderly end


def test_a_half_cut_delivers_and_loses_the_answer(proxy, echo, client):
    """The server gets what was sent, the client gets a reset."""
    ports = [_port(client)]
    proxy.hold(ports)
    client.sendall(b"two")
    _wait(lambda: proxy.held(ports) == ports)
    proxy.stall()
    proxy.half_cut(ports)
    with pytest.raises(ConnectionError):
        assert client.recv(10)
    proxy.go_on()
    _wait(lambda: echo.got == [b"one", b"two"])


def test_a_stall_ends(proxy, client):
    """During a stall nothing comes; afterwards it does."""
    proxy.stall()
    client.sendall(b"two")
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.recv(10)
    client.settimeout(5)
    proxy.go_on()
    assert client.recv(10) == b"two"
