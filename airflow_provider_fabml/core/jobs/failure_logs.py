"""What a failed step's logs tell: which of them to look into, and which of their lines.

Names: learn.microsoft.com "Troubleshoot batch endpoints", section "Review log files";
MachineLearningNotebooks#1930 for the job's own results. Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_fabml.core.errors import without_secrets

# The most telling first. Releases spell them with and without underscores.
_TELLING = (
    "logs/user/error",
    "logs/joberror",
    "logs/jobresult",
    "logs/jobprogressoverview",
    "userlogs/stdlog",
    "logs/user/stdout",
    "azureml-logs/70driverlog",
    "logs/azureml/executionlogs",
)
# A file or a mini-batch that failed (same page; MLOpsPython#328).
_FAILED_ITEM = re.compile(r"error processing input file|failed to process \{", re.IGNORECASE)
# The last line of a traceback.
_RAISED = re.compile(r"^\s*(?:[\w.]+\.)?\w*(?:Error|Exception)\b(?::|$)")
_MOST_ITEMS, _LONGEST_LINE = 5, 300


def telling_logs(files: object) -> list[tuple[str, str]]:
    """Name and address of the logs worth a look, the most telling first (``details.logFiles``)."""
    given = files if isinstance(files, Mapping) else {}
    found = [
        (rank, name, url)
        for name, url in given.items()
        if isinstance(name, str)
        and isinstance(url, str)
        and url.startswith("https://")
        and (rank := _rank(name)) is not None
    ]
    return [(name, url) for _, name, url in sorted(found)]


def _rank(name: str) -> int | None:
    bare = name.casefold().replace("_", "")
    return next((rank for rank, start in enumerate(_TELLING) if bare.startswith(start)), None)


def telling_lines(text: object) -> tuple[str, ...]:
    """The lines about files that failed (a few), and the last exception, without secrets."""
    lines = text.splitlines() if isinstance(text, str) else []
    items = dict.fromkeys(_brief(line) for line in lines if _FAILED_ITEM.search(line))
    raised = [_brief(line) for line in lines if _RAISED.match(line) and "SystemExit" not in line]
    return (*dict.fromkeys((*list(items)[:_MOST_ITEMS], *raised[-1:])),)


def _brief(line: str) -> str:
    return without_secrets(line.strip())[:_LONGEST_LINE]
