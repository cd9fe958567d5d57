"""A run that a router asked for holds the claim on its data, or leaves the data to the run that does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.arrivals.claim import Claim, claim_path
from airflow_provider_fabml.core.errors import SupersededError
from airflow_provider_fabml.core.scoring.run_identity import partition_folder
from airflow_provider_fabml.operators.task_memory import identity_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from airflow_provider_fabml.clients.data_checks import DataChecks
    from airflow_provider_fabml.core.scoring.invocation import Invocation
    from airflow_provider_fabml.core.scoring.run_identity import RunIdentity
    from airflow_provider_fabml.operators.emitted import Emitted

# As `airflow.sdk.api.datamodels` has them; a run that is neither starts no job by itself.
_ALIVE = ["queued", "running"]


def hold_claim(
    emission: Emitted,
    seen: Mapping[str, Mapping[str, Any]],
    checks: DataChecks,
    invocation: Invocation,
    context: Context,
) -> None:
    """Hold the claim on the data of an emission afterwards.

    Outputs that are placed by their own URIs have no common root, and no claim: there a second run
    finds its output occupied.

    :param seen: what the job's inputs are, by name, with their ``digest``.
    :raises SupersededError: another run holds it and is not over, or scored the data since the emission.
    """
    if invocation.output_root is None:
        return
    identity, root = identity_of(context), str(invocation.output_root).rstrip("/")

    def refuse(holder: Claim) -> None:
        what = f"the same data of partition {emission.partition}"
        who = f"run {holder.run_id} of {holder.dag_id}"
        ti = context["ti"]
        if ti.get_dr_count(dag_id=holder.dag_id, run_ids=[holder.run_id], states=_ALIVE):
            raise SupersededError(f"{who} scores {what}, or is about to")
        if _is_answered(emission, seen, checks, root, identity):
            raise SupersededError(f"{who} has scored {what} since it was emitted for this run")

    place = f"{root}/{claim_path(identity, emission.digest)}"
    checks.take_claim(place, Claim(identity.dag_id, identity.run_id), refuse)


def _is_answered(
    emission: Emitted,
    seen: Mapping[str, Mapping[str, Any]],
    checks: DataChecks,
    root: str,
    identity: RunIdentity,
) -> bool:
    """Whether another run of this task left a manifest for the same data since the emission.

    Both times are the storage's own, in whole seconds: what was written in the second of the router's
    look may have come after it.
    """
    digests = {facts.get("digest") for facts in seen.values()}
    since = emission.looked_at.replace(microsecond=0)
    return any(
        one.digest in digests
        and one.at >= since
        and one.run_id != identity.run_id
        and one.task == (identity.task_id, identity.map_index)
        for one in checks.manifests(f"{root}/{partition_folder(identity)}", emission.partition)
    )
