"""The key of a partition: what Airflow stores as ``partition_key`` and what paths may contain."""

from __future__ import annotations

from airflow_provider_fabml.core.errors import UsageError

# What Airflow's ProductMapper joins and splits composite keys with.
SEPARATOR = "|"
# One part of a key: what blobs, shortcuts and URLs all take, so that it needs no escape; a folder
# whose name begins with _ or . is hidden from readers, and Azure Storage drops a dot at the end.
NAMED = r"[A-Za-z0-9](?:[A-Za-z0-9_.~\-]*[A-Za-z0-9_~\-])?"
# airflow.models.base.ID_LEN
LONGEST = 250


def is_storable(key: str) -> bool:
    """Whether a key, as a template makes them, can be stored and is no missing one in disguise."""
    return len(key) <= LONGEST and "None" not in key.split(SEPARATOR)


def check_key(key: object) -> str:
    """Refuse what is no key of any template.

    :raises UsageError: rules ``partition-key-missing``, ``partition-key-long``.
    """
    text = key if isinstance(key, str) else ""
    if not text.strip() or "None" in text.split(SEPARATOR):
        raise UsageError(
            rule="partition-key-missing",
            field="partition key",
            value=key,
            reason="this is no key (Jinja renders a missing one as 'None')",
            remedy="run it with a partition, e.g. on a partitioned timetable.",
        )
    if len(text) > LONGEST:
        raise UsageError(
            rule="partition-key-long",
            field="partition key",
            value=text,
            reason=f"Airflow stores at most {LONGEST} characters of a partition key",
            remedy="give the folders shorter names.",
        )
    return text
