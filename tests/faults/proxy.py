"""A TCP proxy whose connections can be slowed, held, cut and half-cut; TLS passes as bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine


@dataclass(eq=False)
class Link:
    """One connection through the proxy, known by its client's port."""

    port: int
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the client's bytes are passed on."""
    delay: float = 0.0
    """Seconds each of the client's messages is late."""
    held: int = 0
    """Bytes from the client that were not passed on yet."""
    discards: bool = False
    last_sent: float = 0.0
    """When the client last sent something (``time.monotonic``)."""


class Proxy:
    """Listens on a free loopback port and passes everything on to *target*.

    :param target: port on 127.0.0.1. Methods may be called from any thread.
    """

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self._links: dict[int, Link] = {}
        self._passing = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def slow(self, ports: Collection[int], seconds: float) -> None:
        """Delay what these clients send from now on."""
        self._each(ports, lambda link: setattr(link, "delay", seconds))

    def held(self, ports: Collection[int]) -> list[int]:
        """Return those whose client has sent something that was not passed on yet."""
        return [link.port for link in self._found(ports) if link.held]

    def sent_since(self, ports: Collection[int], instant: float) -> bool:
        """Return whether one of these clients has sent something since (``time.monotonic``)."""
        return any(link.last_sent >= instant for link in self._found(ports))

    def hold(self, ports: Collection[int]) -> None:
        """Keep back what these clients send, and have sent, until it is released."""
        self._each(ports, lambda link: link.open.clear())

    def release(self, ports: Collection[int], *, discard: bool = False) -> None:
        """Pass on what was kept back, or lose it together with the connection."""

        def let_go(link: Link) -> None:
            link.discards, link.delay = discard, 0.0
            link.open.set()

        self._each(ports, let_go)

    def cut(self, ports: Collection[int] | None = None) -> int:
        """Reset these connections (all of them if None) on both sides; return how many."""
        found = list(self._links.values()) if ports is None else self._found(ports)
        self._each([link.port for link in found], _abort)
        return len(found)

    def half_cut(self, ports: Collection[int]) -> None:
        """Reset the clients' side only: the server gets what was sent, its answer is lost."""
        self.release(ports)
        self._each(ports, lambda link: self._loop.call_later(0.2, _reset, link.client))

    def stall(self) -> None:
        """Pass nothing on in either direction until :meth:`go_on`."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def go_on(self) -> None:
        """End a stall."""
        self._loop.call_soon_threadsafe(self._passing.set)

    def _found(self, ports: Collection[int]) -> list[Link]:
        return [link for port in ports if (link := self._links.get(port)) is not None]

    def _each(self, ports: Collection[int], action: Callable[[Link], Any]) -> None:
        for link in self._found(ports):
            self._loop.call_soon_threadsafe(action, link)

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._passing.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for link in list(self._links.values()):
            _abort(link)
        carrying = asyncio.all_tasks() - {asyncio.current_task()}
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # the server is down: so is the proxy, as far as the client can see
            _reset(client)
            return
        link = Link(client.get_extra_info("peername")[1], client, server)
        link.open.set()
        self._links[link.port] = link
        try:
            await asyncio.gather(self._send(link, reader), self._answer(link, answers))
        finally:
            _abort(link)
            if self._links.get(link.port) is link:
                del self._links[link.port]

    async def _send(self, link: Link, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                link.last_sent, link.held = time.monotonic(), len(data)
                await asyncio.sleep(link.delay)
                await link.open.wait()
                await self._passing.wait()
                link.held = 0
                if link.discards:
                    break
                link.server.write(data)
                await link.server.drain()
            if not link.discards:  # the client is gone; its last request is still worked on
                await asyncio.sleep(1)
        link.server.close()

    async def _answer(self, link: Link, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._passing.wait()
                link.client.write(data)
                await link.client.drain()
        link.client.close()


def _abort(link: Link) -> None:
    for side in (link.client, link.server):
        _reset(side)


def _reset(side: asyncio.StreamWriter) -> None:
    """Close with a reset instead of an orderly end: no time to linger (socket(7), SO_LINGER)."""
    connection = side.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.transport.abort()
