"""Free ports on the loopback interface, for servers that cannot choose one themselves."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """Return *count* different ports that nobody listens on now.

    All are held until the last is found. Another process may still take one before it is used:
    servers that accept port 0 (Azurite, the emulator) are given 0 instead.
    """
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
