"""What a router is told, as a user writes it: checked when the DAG file is read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.arrivals.due import Policy
from airflow_provider_fabml.core.arrivals.survey import Watch
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.scoring.invocation import parse_endpoint_name
from airflow_provider_fabml.core.storage.location import check_path_shape
from airflow_provider_fabml.core.storage.uri_text import waits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_fabml.core.arrivals.partition_template import PartitionTemplate

SHORTEST_LEASE = timedelta(minutes=5)


def check_between(arrivals: object, asset: object, *, kind: type) -> None:
    """Refuse a router that stands between something else than a watch and an asset.

    :param kind: Airflow's class of assets.
    :raises UsageError: rules ``due-arrivals``, ``due-asset``.
    """
    if not isinstance(getattr(arrivals, "watch", None), Watch):
        raise UsageError(
            rule="due-arrivals",
            field="arrivals",
            value=arrivals,
            reason="the router takes tree, partitions and rules from the arrival trigger",
            remedy="pass the OneLakeArrivalTrigger itself; an AssetWatcher has it as its .trigger.",
        )
    if not isinstance(asset, kind):
        raise UsageError(
            rule="due-asset",
            field="asset",
            value=asset,
            reason="partitions are emitted for one asset",
            remedy="pass the Asset on which the scoring DAG is scheduled, e.g. Asset('scores').",
        )


def parse_policy(*, lease: object, tries: Any, limit: Any) -> Policy:
    """Check how a router emits.

    :raises UsageError: rules ``due-lease``, ``due-number``.
    """
    if not isinstance(lease, timedelta) or lease < SHORTEST_LEASE:
        raise UsageError(
            rule="due-lease",
            field="lease",
            value=lease,
            reason="a run that is not finished when its lease ends counts as lost and is emitted "
            "again; no scoring is queued, run and checked so soon",
            remedy="write a timedelta longer than the longest run, e.g. timedelta(hours=6).",
        )
    for name, value, usual in (("tries", tries, 3), ("limit", limit, 500)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(
                rule="due-number",
                field=name,
                value=value,
                reason="it is a whole number of 1 or more",
                remedy=f"write e.g. {usual}, or leave it out.",
            )
    return Policy(lease, tries, limit)


def check_router(
    output_root: object, rescore: object, endpoint_name: object, template: PartitionTemplate
) -> None:
    """Refuse what can be judged when the DAG file is read; what waits for its value passes.

    :raises UsageError: rules of `check_path_shape`, `check_counted` and `parse_requested`.
    """
    check_path_shape(output_root, field="output_root")
    if not waits(endpoint_name):
        check_counted(endpoint_name)
    keys = rescore if isinstance(rescore, (list, tuple)) else (rescore,)
    if not any(map(waits, keys)):
        parse_requested(rescore, template)


def check_counted(endpoint_name: object) -> None:
    """Refuse what can be no endpoint's name; None is all of them.

    :raises UsageError: rules of `parse_endpoint_name`.
    """
    if endpoint_name is not None:
        parse_endpoint_name(endpoint_name)


def check_unmapped(key: object, emitted: Iterable[tuple[str, str | None]]) -> None:
    """Refuse a run whose key is not that of the partitions which routers emitted for it.

    :param key: the run's partition key.
    :param emitted: asset and partition key of each of their events.
    :raises UsageError: rule ``due-mapped``.
    """
    asset, other = next((one for one in emitted if one[1] != key), ("", key))
    if other != key:
        raise UsageError(
            rule="due-mapped",
            field="partition_key",
            value=key,
            reason=f"this run goes back to partition {other} of asset {asset!r}, whose router would "
            "never learn of its scoring, and emits it again after each lease",
            remedy="schedule the scoring on the router's asset with PartitionedAssetTimetable and no "
            "mapper that changes keys; for rollups use a sensor's outlet, as "
            "dags/score_weekly_rollup.py does.",
        )


def parse_requested(value: object, template: PartitionTemplate) -> frozenset[str]:
    """Read the keys that a person wants again: a list, or text with commas between them.

    :raises UsageError: rule ``due-requested``, and rules ``partition-key-*``.
    """
    keys = [key.strip() for key in value.split(",")] if isinstance(value, str) else value
    if not isinstance(keys, (list, tuple, set, frozenset)):
        raise UsageError(
            rule="due-requested",
            field="rescore",
            value=value,
            reason="these are no keys",
            remedy="write them as a list, or as text: 2026-01-01, 2026-01-02.",
        )
    wanted = frozenset(key for key in keys if key != "")
    for key in wanted:
        template.folder_of(key)
    return wanted
