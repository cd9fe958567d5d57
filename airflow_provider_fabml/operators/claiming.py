"""A run that a router asked for holds the claim on its data, or leaves the data to the run that does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.arrivals.claim import Claim, claim_path
from airflow_provider_fabml.core.arrivals.request import is_answer
from airflow_provider_fabml.core.arrivals.short_digest import short
from airflow_provider_fabml.core.errors import SupersededError
from airflow_provider_fabml.core.scoring.run_identity import partition_folder
from airflow_provider_fabml.operators.task_memory import identity_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from airflow_provider_fabml.clients.data_checks import DataChecks
    from airflow_provider_fabml.core.arrivals.manifest import Manifest
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
    *,
    asked: bool,
) -> None:
    """Hold the claim on the data of an emission afterwards.

    Outputs that are placed by their own URIs have no common root, and no claim: there a second run
    finds its output occupied.

    :param seen: what the job's inputs are, by name, with their ``digest``.
    :param asked: a person cleared this run: it comes before all others.
    :raises SupersededError: another run holds it and is not over, or scored the data since the emission;
        where a person asked the router, only runs that were emitted since then come first.
    """
    if invocation.output_root is None:
        return
    identity, root = identity_of(context), str(invocation.output_root).rstrip("/")

    def refuse(holder: Claim) -> None:
        if asked or not is_answer(emission.requested_at, holder.emitted_at):
            return
        what = f"the same data of partition {emission.partition}"
        who = f"run {holder.run_id} of {holder.dag_id}"
        ends = _ends(emission, seen, checks, root, identity)
        # Both times are the storage's own, in whole seconds: what was written in the second of the
        # router's look may have come after it.
        if any(one.at >= emission.looked_at.replace(microsecond=0) for one in ends):
            raise SupersededError(f"{what} had its job since it was emitted for this run, by {who}")
        done = any(one.completed and one.run_id == holder.run_id for one in ends)
        if not done and _is_alive(holder, context):
            raise SupersededError(f"{who} scores {what}, or is about to")

    place = f"{root}/{claim_path(identity, emission.digest)}"
    checks.take_claim(place, Claim(identity.dag_id, identity.run_id, emission.looked_at), refuse)


def _is_alive(holder: Claim, context: Context) -> bool:
    ti = context["ti"]
    return ti.get_dr_count(dag_id=holder.dag_id, run_ids=[holder.run_id], states=_ALIVE) > 0


def _ends(
    emission: Emitted,
    seen: Mapping[str, Mapping[str, Any]],
    checks: DataChecks,
    root: str,
    identity: RunIdentity,
) -> list[Manifest]:
    """Give the manifests that other runs of this task left for the same data, and the same request."""
    found = (short(facts["digest"]) for facts in seen.values() if "digest" in facts)
    digests = {emission.digest, *found}
    folder = f"{root}/{partition_folder(identity)}"
    return [
        one
        for one in checks.manifests(folder, emission.partition)
        if one.digest in digests
        and is_answer(emission.requested_at, one.emitted_at)
        and one.run_id != identity.run_id
        and one.task == (identity.task_id, identity.map_index)
    ]
