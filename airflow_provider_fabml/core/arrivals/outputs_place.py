"""Where outputs may lie beside a watched tree: never where they would be partitions themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity, attempt_folder
from airflow_provider_fabml.core.storage.mapping import below, is_below

if TYPE_CHECKING:
    from airflow_provider_fabml.core.arrivals.partition_template import PartitionTemplate
    from airflow_provider_fabml.core.storage.location import Location

# Of this router or of any other that has its outputs there: a date, names, both.
_KEYS = ("2026-01-31", "2026-01-31T07", "a", "a|b", "a|2026-01-31")


def check_outputs(template: PartitionTemplate, tree: Location, outputs: Location) -> None:
    """Refuse outputs that the template takes for data: each scoring would be due to be scored again.

    :raises UsageError: rule ``due-outputs-in-tree``.
    """
    if outputs[:2] == tree[:2] and _is_data(template, tree.path, outputs.path):
        raise UsageError(
            rule="due-outputs-in-tree",
            field="output_root",
            value=outputs.url,
            reason=f"what is written there is a partition by {template.text} below {tree.url}: it would "
            "be scored in its turn, without end",
            remedy="write outputs to a folder beside the watched one, not into it.",
        )


def _is_data(template: PartitionTemplate, tree: str, outputs: str) -> bool:
    """Whether an output below one path is in a partition below the other."""
    if not is_below(outputs, tree):
        return False
    runs = [RunIdentity("dag", "run", "task", partition_key=key) for key in _KEYS]
    folders = [f"{below(outputs, tree)}/{attempt_folder(run, '1-0')}" for run in runs]
    return any(template.partition_of(f"{one}/predictions.csv".lstrip("/")) for one in folders)
