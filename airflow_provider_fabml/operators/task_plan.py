"""A task of the invoke operator, as its submission sees it: who asks, for what, and until when."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.jobs.known import Limits
from airflow_provider_fabml.core.jobs.record import Situation
from airflow_provider_fabml.core.options import deadline_of, post_time_of
from airflow_provider_fabml.core.scoring.invocation import digest, shared_outputs
from airflow_provider_fabml.core.scoring.kind_rules import parse_kind
from airflow_provider_fabml.core.scoring.run_identity import default_description, default_tags
from airflow_provider_fabml.operators.claiming import hold_claim
from airflow_provider_fabml.operators.emitted import emitted_for, present_emission
from airflow_provider_fabml.operators.task_memory import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from airflow.sdk import Context

    from airflow_provider_fabml.clients.data_checks import DataChecks
    from airflow_provider_fabml.clients.plan import Plan
    from airflow_provider_fabml.core.scoring.invocation import Invocation
    from airflow_provider_fabml.core.scoring.job_io import JobOutput
    from airflow_provider_fabml.core.scoring.run_identity import RunIdentity
    from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
    from airflow_provider_fabml.operators.emitted import Emitted

    Check = Callable[[Invocation, Mapping[str, JobOutput]], Mapping[str, Any]]

log = logging.getLogger(__name__)


def plan_of(
    task: AzureMLInvokeBatchEndpointOperator,
    context: Context,
    invocation: Invocation,
    checks: DataChecks | None,
    request_time: timedelta,
) -> Plan:
    """What this try wants submitted; a request to Azure ML takes ``request_time`` at most."""
    from airflow_provider_fabml.clients.plan import Plan

    _check_key(context)
    identity, emitted = identity_of(context), emitted_for(context)
    assets = tuple(sorted({one.asset for one in emitted}))
    asked = bool(context["dag_run"].clear_number)
    _warn(task, invocation, identity, assets, checks)
    return Plan(
        invocation=invocation,
        stated_kind=parse_kind(task.deployment_kind),
        identity=identity,
        situation=_situation(task, context, invocation),
        tags=default_tags(identity),
        description=default_description(identity),
        before_post=_before_post(task, checks, context, emitted, asked=asked)
        if checks
        else _no_checks,
        limits=_limits(task, context, request_time),
        assets=assets,
        emitted=None if asked else _one_digest(emitted),
        emitted_at=max((one.looked_at for one in emitted), default=None),
    )


def _check_key(context: Context) -> None:
    """Refuse a run of which no router would learn (`check_unmapped`)."""
    from airflow_provider_fabml.core.arrivals.router_options import check_unmapped

    run = context["dag_run"]
    told = [event for event in run.consumed_asset_events if "tree" in (event.extra or {})]
    check_unmapped(run.partition_key, [(event.asset.name, event.partition_key) for event in told])


def _warn(
    task: AzureMLInvokeBatchEndpointOperator,
    invocation: Invocation,
    identity: RunIdentity,
    assets: Sequence[str],
    checks: DataChecks | None,
) -> None:
    """Say what will go wrong later and is no error by itself."""
    for name in shared_outputs(invocation, identity.map_index):
        log.warning(
            "outputs[%r] does not tell the mapped tasks apart: they may overwrite each other. Use "
            "output_root, or {map_index} in the URI.",
            name,
        )
    if assets and (checks is None or (task.wait_for_completion and not task.write_manifest)):
        log.warning(
            "The router of %s learns of a scoring by its manifest, and this task leaves none: the "
            "partition is emitted again when its lease ends. Give storage_conn_id and write_manifest.",
            ", ".join(assets),
        )


def _one_digest(emitted: Sequence[Emitted]) -> str | None:
    """The digest that routers know the run's data by, where all emissions say the same."""
    digests = {one.digest for one in emitted}
    return digests.pop() if len(digests) == 1 else None


def _situation(
    task: AzureMLInvokeBatchEndpointOperator, context: Context, invocation: Invocation
) -> Situation:
    ti = context["ti"]
    return Situation(
        try_number=ti.try_number,
        max_tries=ti.max_tries,
        digest=digest(invocation),
        retries=task.retries or 0,
        clear_number=context["dag_run"].clear_number or 0,
    )


def _limits(
    task: AzureMLInvokeBatchEndpointOperator, context: Context, request_time: timedelta
) -> Limits:
    return Limits(
        deadline=deadline_of(context["ti"].start_date, task.execution_timeout),
        post_time=post_time_of(task.execution_timeout, request_time),
        settle_window=task.settle_window,
        send_window=task.send_window,
        patience=task.patience,
        cancel_before=task.on_clear == "cancel",
    )


def _before_post(
    task: AzureMLInvokeBatchEndpointOperator,
    checks: DataChecks,
    context: Context,
    emitted: Sequence[Emitted],
    *,
    asked: bool,
) -> Check:
    """The usual; where a router is behind the run, its data must be there, and nobody else's to score.

    Who may not write manifests may not write claims.

    :param asked: a person cleared the run.
    """

    def check(invocation: Invocation, outputs: Mapping[str, JobOutput]) -> Mapping[str, Any]:
        emission = present_emission(emitted, checks, invocation, asked=asked)
        seen = checks.before_post(invocation, outputs)
        if emission is not None and task.write_manifest:
            hold_claim(emission, seen, checks, invocation, context, asked=asked)
        return seen

    return check


def _no_checks(_invocation: object, _outputs: object) -> dict[str, Any]:
    """Without a storage connection nothing is looked at before the POST."""
    return {}
