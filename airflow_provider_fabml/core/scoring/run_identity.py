"""Who a scoring belongs to, and the output folder that only it can have (D2, D3)."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from airflow_provider_fabml.core.errors import UsageError

# RFC 3986 §2.3 "unreserved", less the tilde that introduces an escape. OneLake shortcuts refuse
# `%` and `+`, and reserved characters in a target path (fabric-docs, onelake-shortcuts).
_PLAIN = re.compile(r"[A-Za-z0-9_.\-]")
# One path segment of ADLS Gen2 holds 255 characters; the rest of the path needs room too.
_LONGEST = 120


class RunIdentity(NamedTuple):
    """One task instance of one DAG run.

    ``map_index`` is -1 for a task that is not mapped; ``partition_key`` is None in a run without a
    partition.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    partition_key: str | None = None


def default_tags(identity: RunIdentity) -> dict[str, str]:
    """Tags that name DAG, run and task on the job (best effort: whether it is kept is unknown)."""
    tags = {
        "airflow_dag_id": identity.dag_id,
        "airflow_run_id": identity.run_id,
        "airflow_task_id": identity.task_id,
    }
    if identity.map_index >= 0:
        tags["airflow_map_index"] = str(identity.map_index)
    if identity.partition_key is not None:
        tags["airflow_partition_key"] = identity.partition_key
    return tags


def default_description(identity: RunIdentity) -> str:
    """One line that names DAG, run and task on the job (best effort)."""
    index = f" [{identity.map_index}]" if identity.map_index >= 0 else ""
    return f"Airflow {identity.dag_id} / {identity.run_id} / {identity.task_id}{index}"


def encode_segment(text: str) -> str:
    """Text as one path segment: injective, readable, only ``A-Z a-z 0-9 _ . - ~``.

    Other characters become ``~XX`` (UTF-8 bytes in hexadecimal), and so do a leading ``_`` or ``.``
    (readers hide such files) and a trailing ``.`` (Azure Storage drops it). A segment over 120
    characters is cut and carries ``~~`` and a SHA-256 prefix.

    >>> encode_segment("scheduled__2026-01-01T00:00:00+00:00")
    'scheduled__2026-01-01T00~3A00~3A00~2B00~3A00'
    """
    last = len(text) - 1
    encoded = "".join(
        character
        if _PLAIN.match(character)
        and not (position == 0 and character in "_.")
        and not (position == last and character == ".")
        else "".join(f"~{byte:02X}" for byte in character.encode())
        for position, character in enumerate(text)
    )
    if len(encoded) <= _LONGEST:
        return encoded
    digest = hashlib.sha256(text.encode()).hexdigest()[:24]
    return f"{encoded[: _LONGEST - 26]}~~{digest}"


def attempt_name(attempt: int, invocation_id: str) -> str:
    """``<attempt>-<first 8 characters of the invocation id>``: a place that no other run has had.

    The number alone would come again in a run that was deleted and created anew, and in a second
    Airflow that writes to the same container.
    """
    return f"{attempt}-{invocation_id[:8]}"


def attempt_folder(identity: RunIdentity, attempt: str) -> str:
    """The folder of one attempt below the output root, without slashes at the ends.

    ``<dag_id>/[<partition>/]<run_id>/<task_id>[/~map<index>]/<attempt>``, the last as ``attempt_name``
    gives it. ``~m`` never begins an
    escape, so a map index can never be mistaken for a task id.

    Raises ``UsageError`` for a partition key that is empty or the text ``None``.
    """
    run = encode_segment(identity.run_id)
    return f"{partition_folder(identity)}/{run}/{task_folder(identity)}/{attempt}"


def partition_folder(identity: RunIdentity) -> str:
    """The folder of all runs of a partition below the output root: ``<dag_id>[/<partition>]``.

    Raises ``UsageError`` for a partition key that is empty or the text ``None``.
    """
    check_identity(identity)
    segments = [identity.dag_id, identity.partition_key]
    return "/".join(encode_segment(segment) for segment in segments if segment is not None)


def task_folder(identity: RunIdentity) -> str:
    """The folder of a task within its run's: ``<task_id>[/~map<index>]``."""
    task = encode_segment(identity.task_id)
    return f"{task}/~map{identity.map_index}" if identity.map_index >= 0 else task


def check_identity(identity: RunIdentity) -> None:
    """Refuse a partition key that is a missing one in disguise. Raises ``UsageError``."""
    key = identity.partition_key
    if key is not None and key.strip() in {"", "None"}:
        raise UsageError(
            rule="partition-key-empty",
            field="partition_key",
            value=key,
            reason="the run has no partition key, and Jinja renders a missing one as 'None'",
            remedy="schedule the DAG on a partitioned timetable, or leave the partition out",
        )
