"""What the measurement of latency compares; its DAG file reads this too."""

from __future__ import annotations

from typing import Any

from arrivals.trees import queue_of

FLOOR, POLLING, QUEUED = "floor", "polling", "queue"
EVERY = 10.0
WAYS: dict[str, dict[str, Any]] = {
    POLLING: {"poll_interval": EVERY},
    QUEUED: {"poll_interval": 300.0, "storage_queue": queue_of(QUEUED)},
}
# How many assets watch each of these trees, where nothing ever lands.
IDLE = {"idle-one": 1, "idle-fifty": 50}
IDLE_EVERY = 10.0
