"""Is the result that a completed job left behind really its result? (D10).

"Completed" is the service's word for the job; whether predictions lie where they should is a fact of
storage: the service's pages disagree on what happens to an output that existed before, and one of
them says an old file silently stays (the emulator's switch `output_exists`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

# Last-Modified has a resolution of one second, and the clocks of two services differ a little.
TOLERANCE = timedelta(seconds=60)


class OutputFacts(NamedTuple):
    """What storage says of one output: a file, or all files of a folder.

    ``newest`` is the latest Last-Modified (UTC). ``rows`` counts lines that are not blank; None where
    that was not counted (a folder, or a file over the limit).
    """

    files: int
    bytes: int
    newest: datetime | None
    rows: int | None = None


def refuse_output(uri: str, facts: OutputFacts, submitted_at: datetime | None) -> str | None:
    """Why the output is not the job's result, or None when it is."""
    if facts.files == 0:
        return f"the job completed and nothing lies at {uri}"
    if facts.bytes == 0 or facts.rows == 0:
        return f"the job completed and {uri} has no rows"
    if submitted_at and facts.newest and facts.newest < submitted_at - TOLERANCE:
        return (
            f"the job completed and {uri} is older than the job "
            f"({facts.newest.isoformat()} before {submitted_at.isoformat()}): a stale result"
        )
    return None


def facts_to_json(facts: OutputFacts) -> dict[str, Any]:
    """Plain JSON for XCom and asset events."""
    newest = facts.newest.isoformat() if facts.newest else None
    return {
        "files": facts.files,
        "bytes": facts.bytes,
        "rows": facts.rows,
        "newest": newest,
    }
