"""Azurite's log tells which tree was listed and which queue was asked."""

from __future__ import annotations

from arrivals.latency import requests

LISTED = "GET /lake/trusted?restype=container&comp=list&prefix"
LOG = f"""
127.0.0.1 - - [23/Nov/2026] "GET /lake/fabml-queue/messages?numofmessages=32 HTTP/1.1" 200 -
127.0.0.1 - - [23/Nov/2026] "{LISTED}=datasets/idle-one/date%3D&maxresults=400 HTTP/1.1" 200 -
127.0.0.1 - - [23/Nov/2026] "{LISTED}=datasets/idle-one/date%3D2025-01-02/ HTTP/1.1" 200 -
127.0.0.1 - - [23/Nov/2026] "PUT /lake/trusted/datasets/idle-one/date=2025-01-01/a.csv HTTP/1.1" 201 -
127.0.0.1 - - [23/Nov/2026] "{LISTED}=endpoints HTTP/1.1" 200 -
"""


def test_looks_and_receives_are_counted_and_nothing_else():
    """Listings count for their tree, requests for messages for their queue; writes for neither."""
    assert requests(LOG) == {"fabml-queue": 1, "idle-one": 2}
