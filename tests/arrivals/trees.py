"""The two trees of the harness and what each calls complete; the DAG file reads this too."""

from __future__ import annotations

from typing import Any

MARKED, QUIET = "marked", "quiet"
TREES = (MARKED, QUIET)
QUIET_FOR = 9.0
MARKER = "_SUCCESS"
RULES: dict[str, dict[str, Any]] = {MARKED: {"marker": MARKER}, QUIET: {"quiet_for": QUIET_FOR}}
PARTITIONS = "date=%Y-%m-%d"


def queue_of(tree: str) -> str:
    """Name the queue that tells of a tree: each has one of its own."""
    return f"fabml-{tree}"
