"""The data that a router emitted a partition for: a run scores that, or leaves it to the next one.

What the router says travels in the ``extra`` of its asset events, one for all partitions of a wake-up:
``digests`` by key, and the ``tree`` that they are of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.errors import SupersededError
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

    from airflow_provider_fabml.clients.data_checks import DataChecks
    from airflow_provider_fabml.core.arrivals.survey import Watch
    from airflow_provider_fabml.core.scoring.invocation import Invocation


class Emitted(NamedTuple):
    """What storage had of a partition, at `place`, when it was emitted, as the watch's rules see it."""

    partition: str
    place: Location
    digest: str
    rules: Rules


def extra_of(root: Location, watch: Watch, digests: Mapping[str, str]) -> dict[str, Any]:
    """Give the extra of a router's events, as plain JSON."""
    from airflow_provider_fabml.core.arrivals.options import changed_rules

    tree = {
        "root": root.to_json(),
        "partitions": watch.template.text,
        "rules": changed_rules(watch.rules),
    }
    return {"digests": dict(digests), "tree": tree}


def emitted_for(context: Context) -> tuple[Emitted, ...]:
    """Give the emissions that a run goes back to; none where no router is behind it.

    None either where a person cleared the run: whatever is there now is wanted then.
    """
    run = context["dag_run"]
    if run.partition_key is None or run.clear_number:
        return ()
    extras: list[dict[str, Any]] = [event.extra or {} for event in run.consumed_asset_events]
    return tuple(
        _emitted(run.partition_key, extra)
        for extra in extras
        if "tree" in extra and run.partition_key in extra.get("digests", {})
    )


def _emitted(key: str, extra: Mapping[str, Any]) -> Emitted:
    from airflow_provider_fabml.core.arrivals.partition_template import parse_template

    tree = extra["tree"]
    place = Location.from_json(tree["root"]).child(
        parse_template(tree["partitions"]).folder_of(key)
    )
    return Emitted(key, place, extra["digests"][key], Rules.from_json(tree["rules"]))


def refuse_other_data(
    emitted: Iterable[Emitted], checks: DataChecks, invocation: Invocation
) -> None:
    """Refuse data that is not what was emitted: the router emits that by itself once it is complete.

    Scoring it here would score it twice, or score what is only half written. A partition that is no
    input of the job, or that the storage connection may not see, is not compared.

    :raises SupersededError: the input is not as it was in any of the emissions.
    """
    now = [(one, checks.digest_at(one.place, invocation, one.rules)) for one in emitted]
    compared = [(one, digest) for one, digest in now if digest is not None]
    if compared and not any(one.digest == digest for one, digest in compared):
        raise SupersededError(compared[0][0].partition)
