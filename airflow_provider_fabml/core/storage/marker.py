"""A marker: one file whose being there says that the others are complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.core.storage.conversation import join
from airflow_provider_fabml.core.storage.readiness import not_ready

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_provider_fabml.core.storage.seen import Blob, Seen, Verdict


def marker_of(seen: Seen) -> str | None:
    """Give the path of the marker that is wanted, or None."""
    marker = seen.rules.marker
    return None if marker is None else join(seen.folder, marker)


def marked_at(seen: Seen, blobs: Iterable[Blob]) -> datetime | None:
    """Give when the marker was written, or None where it is none of these blobs."""
    name = marker_of(seen)
    times = (b.last_modified for b in blobs if b.name == name and not b.is_directory)
    return next(times, None)


def not_marked(seen: Seen) -> Verdict:
    """Refuse what lacks its marker."""
    return not_ready(seen, f"the marker {marker_of(seen)} is not there yet")
