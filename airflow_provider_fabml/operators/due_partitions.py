"""The router: emits the partitions of a tree that are due to be scored (D9)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_fabml.clients.manifests import manifests_of
from airflow_provider_fabml.core.arrivals.due import Decision, Policy, due, undecided
from airflow_provider_fabml.core.arrivals.events import facts
from airflow_provider_fabml.core.arrivals.ledger import ledger_json, read_ledger
from airflow_provider_fabml.core.arrivals.manifest import in_terms_of
from airflow_provider_fabml.core.arrivals.outputs_place import check_outputs
from airflow_provider_fabml.core.arrivals.router_options import (
    check_between,
    check_counted,
    check_router,
    parse_policy,
    parse_requested,
)
from airflow_provider_fabml.core.arrivals.survey import incomplete
from airflow_provider_fabml.core.storage.rules import Rules
from airflow_provider_fabml.hooks.airflow_errors import airflow_errors
from airflow_provider_fabml.hooks.asset_memory import AssetMemory
from airflow_provider_fabml.hooks.keywords import check_operator_keywords
from airflow_provider_fabml.hooks.onelake import OneLakeStorageHook
from airflow_provider_fabml.operators.emitted import extra_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from airflow.sdk import Context

    from airflow_provider_fabml.core.arrivals.ledger import Ledger
    from airflow_provider_fabml.core.arrivals.manifest import Manifest
    from airflow_provider_fabml.core.arrivals.survey import Partition, Survey
    from airflow_provider_fabml.core.storage.location import Location
    from airflow_provider_fabml.triggers.arrival import OneLakeArrivalTrigger

log = logging.getLogger(__name__)
LEASE = timedelta(hours=6)
TRIES, LIMIT = 3, 500


class OneLakeDuePartitionsOperator(BaseOperator):
    """Emits, as partitions of an asset, what is complete and neither scored nor being scored.

    It lists storage itself, so it does not matter which arrival event woke it, or whether one was
    lost. Nothing due: the task is skipped. Let one run of its DAG be active at a time
    (``max_active_runs=1``), and wake it by a schedule too: a lost run is due again after its lease,
    but only a wake-up finds out. Give it ``retries``: what a killed try had decided is emitted by the
    next try at once, and else only after its lease.

    Each look with something undecided lists ``output_root`` whole, 5,000 blobs a request: give a scoring
    a root of its own.

    A partition is finished when a completed job's manifest names its data as input: the folder, or,
    where the rules choose a single file and it lies in that folder itself, the file (``UriFile``).

    Returns the partitions as the arrival trigger's payloads have them. The asset's events carry
    ``extra["digests"]``: the digest of each partition of this wake-up, by key. A scoring whose data is
    another by then is skipped, since that data is emitted too: each version is scored once.

    :param arrivals: the trigger of the watched asset: the same tree, partitions and rules.
    :param asset: the asset whose partitions are emitted; the scoring DAG is scheduled on it.
    :param output_root: where outputs and their ``_manifest.json`` lie, as the scoring's
        ``output_root`` says it. (templated)
    :param rescore: keys that are emitted whatever was done with them, as a list or as text with
        commas; those that are not complete are not. Each has a job of its own, also beside that of a
        run that was emitted before: only a run of this request, or of a later emission, answers it.
        (templated)
    :param endpoint_name: count only what this endpoint scored, where other scorings of the same data
        have their outputs below the same root. Those that another router asked for, for another
        asset, never count. (templated)
    :param lease: how long an emitted partition may take until its manifest is there; after it the
        run counts as lost, and the partition is emitted again. Should the first run only wait for its
        turn, or still have its job, it comes first, and the second is skipped.
    :param tries: how often the same data is emitted in all before it counts as failed. Failed
        partitions are due again with new data, or when ``rescore`` names them.
    :param limit: most partitions in flight at once, so that a backlog does not wait in Airflow's queue
        for longer than its lease; the others are due at later wake-ups.
    """

    template_fields: Sequence[str] = ("output_root", "rescore", "endpoint_name")
    ui_color = "#d7ecf5"

    def __init__(
        self,
        *,
        arrivals: OneLakeArrivalTrigger,
        asset: Asset,
        output_root: str,
        endpoint_name: str | None = None,
        rescore: str | Sequence[str] = (),
        lease: timedelta = LEASE,
        tries: int = TRIES,
        limit: int = LIMIT,
        **kwargs: Any,
    ) -> None:
        check_between(arrivals, asset, kind=Asset)
        check_operator_keywords(type(self), kwargs)
        super().__init__(**{**kwargs, "outlets": [*_as_list(kwargs.get("outlets")), asset]})
        self.policy = parse_policy(lease=lease, tries=tries, limit=limit)
        check_router(output_root, rescore, endpoint_name, arrivals.watch.template)
        self.arrivals = arrivals
        self.asset = asset
        self.output_root = output_root
        self.endpoint_name = endpoint_name
        self.rescore = rescore

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Emit what is due."""
        with airflow_errors():
            check_counted(self.endpoint_name)
        wish = _Wish(
            self.arrivals,
            self.asset,
            self.output_root,
            self.endpoint_name,
            self.rescore,
            self.policy,
        )
        return _emit(context, wish)


def due_partitions(
    arrivals: OneLakeArrivalTrigger,
    *,
    asset: Asset,
    output_root: str,
    endpoint_name: str | None = None,
    rescore: str | Sequence[str] = (),
    lease: timedelta = LEASE,
    tries: int = TRIES,
    limit: int = LIMIT,
) -> list[dict[str, Any]]:
    """Do the same within a task: call it in a ``@task(outlets=[asset])``.

    Parameters and result are those of `OneLakeDuePartitionsOperator`; it raises
    ``AirflowSkipException`` where nothing is due.
    """
    from airflow.sdk import get_current_context

    with airflow_errors():
        check_between(arrivals, asset, kind=Asset)
        check_counted(endpoint_name)
        policy = parse_policy(lease=lease, tries=tries, limit=limit)
    wish = _Wish(arrivals, asset, output_root, endpoint_name, rescore, policy)
    return _emit(get_current_context(), wish)


def _as_list(outlets: Any) -> list[Any]:
    """Give outlets as Airflow takes them from any operator: none, one, or several."""
    return list(outlets) if isinstance(outlets, (list, tuple)) else [outlets] if outlets else []


class _Wish(NamedTuple):
    """What a router was told, rendered."""

    arrivals: OneLakeArrivalTrigger
    asset: Asset
    output_root: str
    endpoint_name: str | None
    rescore: object
    policy: Policy


def _emit(context: Context, wish: _Wish) -> list[dict[str, Any]]:
    """Decide, store the ledger, and only then hand the partitions to Airflow (see `core…due`)."""
    watch, order = wish.arrivals.watch, wish.arrivals.watch.template.order
    stores = [context["asset_state_store"][wish.asset]]
    memory = AssetMemory(stores, wish.arrivals.state_name("due"))
    with airflow_errors():
        requested = parse_requested(wish.rescore, watch.template)
        root, survey, manifests = _look(wish, ledger := read_ledger(memory.recall()[0]))
        ready = survey.ready(watch)
        digests = survey.digests(watch)
        decision = due(
            digests,
            manifests,
            ledger,
            survey.now,
            present=survey.found[watch],
            policy=wish.policy,
            by=_task_instance(context),
            requested=requested,
            order=order,
        )
    memory.keep(ledger_json(decision.ledger, order))
    if why := incomplete(survey.found[watch], order):
        log.info("%s", why)
    _report(decision, survey.found[watch], requested)
    events = context["outlet_events"][wish.asset]
    events.add_partitions(list(decision.due))
    going = {key: digests[key] for key in decision.due}
    events.extra = extra_of(root, watch, going, survey.now, decision.requested)
    return [facts(root, ready[key]) for key in decision.due]


def _look(wish: _Wish, ledger: Ledger) -> tuple[Location, Survey, list[Manifest]]:
    """Ask storage what is there, and what was scored of it."""
    hook, watch = OneLakeStorageHook(wish.arrivals.onelake_conn_id), wish.arrivals.watch
    root = hook.resolve(wish.arrivals.tree_key.path)
    outputs = hook.resolve(wish.output_root, field="output_root")
    check_outputs(watch.template, root, outputs)
    with hook.get_client() as client:
        whole = watch._replace(rules=Rules())
        survey = client.survey(root, [watch, whole])
        ready, all_files = survey.digests(watch), survey.digests(whole)
        folders = {key: watch.template.folder_of(key) for key in undecided(ready, ledger)}
        found = manifests_of(client, outputs, folders)
        mine = [one for one in found if one.answers(wish.asset.name, wish.endpoint_name)]
        return root, survey, [in_terms_of(one, ready, all_files) for one in mine]


def _task_instance(context: Context) -> str:
    """Name the task instance, whichever try of it this is."""
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}"


def _report(decision: Decision, found: Mapping[str, Partition], requested: Set[str]) -> None:
    """Log what was decided, and skip the task where nothing is due.

    :raises AirflowSkipException: nothing is due.
    """
    for key in sorted(requested - {*decision.due, *decision.later}):
        why = found[key].verdict.reason if key in found else "nothing of it is there"
        log.warning("%s is asked for and not emitted: %s", key, why)
    if decision.failed:
        log.warning(
            "Failed, due again with new data or by rescore: %s", ", ".join(decision.failed[:20])
        )
    if not decision.due:
        raise AirflowSkipException(f"Nothing is due: {decision}.")
    log.info("%s. Emitted: %s", decision, ", ".join(decision.due[:20]))
