"""The data that a router emitted a partition for: a run scores that, or leaves it to the next one.

What the router says travels in the ``extra`` of its asset events, one for all partitions of a wake-up:
``digests`` by key, the ``tree`` that they are of, and, by key, when a person ``requested`` some of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.arrivals.request import instant
from airflow_provider_fabml.core.arrivals.short_digest import short
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
    """What storage had of a partition when it was emitted, as the watch's rules see it.

    `looked_at` is the storage's clock then; `asset` the name of that whose partition it is;
    `requested_at` when a person asked the router for it, in this emission or in one before it.
    """

    partition: str
    place: Location
    digest: str
    rules: Rules
    looked_at: datetime
    asset: str
    requested_at: datetime | None = None


def extra_of(
    root: Location,
    watch: Watch,
    digests: Mapping[str, str],
    looked_at: datetime,
    requested: Mapping[str, datetime],
) -> dict[str, Any]:
    """Give the extra of a router's events, as plain JSON: small, since each partition's event has it."""
    from airflow_provider_fabml.core.arrivals.watch_options import changed_rules

    tree = {
        "root": root.to_json(),
        "partitions": watch.template.text,
        "rules": changed_rules(watch.rules),
        "looked_at": looked_at.isoformat(),
    }
    asked = {"requested": {key: at.isoformat() for key, at in requested.items()}}
    return {"digests": dict(digests), "tree": tree, **(asked if requested else {})}


def emitted_for(context: Context) -> tuple[Emitted, ...]:
    """Give the emissions that a run goes back to; none where no router is behind it."""
    run = context["dag_run"]
    key = run.partition_key
    told: list[tuple[Any, dict[str, Any]]] = [
        (event, event.extra or {}) for event in run.consumed_asset_events
    ]
    return tuple(
        _emitted(key, event)
        for event, extra in told
        if key is not None and "tree" in extra and key in extra.get("digests", {})
    )


def _emitted(key: str, event: Any) -> Emitted:
    from airflow_provider_fabml.core.arrivals.partition_template import parse_template

    tree = event.extra["tree"]
    folder = parse_template(tree["partitions"]).folder_of(key)
    return Emitted(
        key,
        Location.from_json(tree["root"]).child(folder),
        short(event.extra["digests"][key]),
        Rules.from_json(tree["rules"]),
        datetime.fromisoformat(tree["looked_at"]),
        event.asset.name,
        instant(event.extra.get("requested", {}).get(key)),
    )


def present_emission(
    emitted: Iterable[Emitted], checks: DataChecks, invocation: Invocation, *, asked: bool
) -> Emitted | None:
    """Give the newest emission of the data that is there; None without any.

    Other data is refused: the router emits that by itself once it is complete. Scoring it here would
    score it twice, or score what is only half written. A partition that is no input of the job, or that
    the storage connection may not see, is not compared.

    :param asked: a person cleared the run; whatever is there now is wanted then.

    :raises SupersededError: the input is not as it was in any of the emissions.
    """
    newest = sorted(emitted, key=lambda one: one.looked_at, reverse=True)
    now = [(one, checks.digest_at(one.place, invocation, one.rules)) for one in newest]
    alike = [one for one, digest in now if digest in {None, one.digest}]
    if asked and newest:
        one, digest = now[0]
        return one._replace(digest=digest or one.digest)
    if newest and not alike:
        raise SupersededError(
            f"partition {newest[0].partition} was restated since it was emitted: it is emitted again "
            "once it is complete, and scored by that run",
            remedy="clear this run to score what is there now",
        )
    return alike[0] if alike else None
