"""Digests as arrivals keep and compare them: 64 bits tell the states of one partition apart."""

from __future__ import annotations

DIGITS = 16


def short(digest: str) -> str:
    """Give the first 16 hexadecimal digits of a digest; a short one is its own.

    An asset's state and an event's ``extra`` hold one for each of up to 500 partitions.
    """
    return digest[:DIGITS]
