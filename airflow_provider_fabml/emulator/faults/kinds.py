"""Faults by name, each a ready-made ``Fault``.

Sources: 429, 500, 502, 503, 504 and answers lost after the work are documented or reported for the
real service; plain-text denials are reported; claims challenges are Entra's documented ones.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from airflow_provider_fabml.emulator.errors import DENIED_BY_POLICY
from airflow_provider_fabml.emulator.faults.fault import Fault


class Kind(NamedTuple):
    """A preset, and whether the default mix has it: a correct client survives those."""

    preset: dict[str, Any]
    mixed: bool = True


_JOB = {"method": "GET", "path": r"/jobs/[^/]+$"}
_ENDPOINT = {"method": "GET", "path": r"/batchEndpoints/[^/]+$"}
_LIST = {"method": "GET", "path": r"/(jobs|batchEndpoints|deployments|datastores|versions)$"}
KINDS: dict[str, Kind] = {
    "closed_before": Kind({"drop": True}),
    "lost_answer": Kind({"drop": True, "when": "after"}),
    "reset_before": Kind({"reset": True}),
    "reset_after": Kind({"reset": True, "when": "after"}),
    **{
        f"{status}_{when}": Kind({"status": status, "when": when})
        for status in (500, 502, 503, 504)
        for when in ("before", "after")
    },
    "429": Kind({"status": 429}),
    "429_retry_after": Kind({"status": 429, "retry_after": "1"}),
    "429_retry_after_date": Kind({"status": 429, "retry_after_date": 2}),
    "slow": Kind({"delay": 1.0}),
    "truncated_connection": Kind({"truncate": "connection"}),
    "truncated_json": Kind({"truncate": "json"}),
    "claims_challenge": Kind({"challenge": True}),
    "not_responding": Kind({**_JOB, "show_state": "NotResponding"}),
    "unknown_state": Kind({**_JOB, "show_state": "Scheduled"}),
    "stale_list": Kind({"method": "GET", "path": "/jobs$", "stale": 5.0}),
    # From here on: not a client's to survive, or felt by other requests than the one it hits.
    "late_work": Kind({"delay_work": 2.0}, mixed=False),
    "tokens_refused": Kind({"refuse_tokens": "challenge"}, mixed=False),
    "tokens_expired": Kind({"refuse_tokens": "expired"}, mixed=False),
    "plain_401": Kind({"status": 401, "body": DENIED_BY_POLICY}, mixed=False),
    "plain_403": Kind({"status": 403, "body": DENIED_BY_POLICY}, mixed=False),
    "no_scoring_uri": Kind({**_ENDPOINT, "remove": ["/properties/scoringUri"]}, mixed=False),
    "foreign_scoring_uri": Kind(
        {**_ENDPOINT, "edit": {"/properties/scoringUri": "{to}/endpoints/e/jobs"}}, mixed=False
    ),
    "foreign_next_link": Kind({**_LIST, "edit": {"/nextLink": "{to}/next"}}, mixed=False),
    "foreign_location": Kind(
        {"method": "POST", "path": "/jobs$", "headers": {"Location": "{to}/"}}, mixed=False
    ),
    "redirect": Kind({"status": 307, "headers": {"Location": "{to}/"}}, mixed=False),
}
MIX = tuple(name for name, kind in KINDS.items() if kind.mixed)
"""What a seed draws from unless told otherwise."""


def fault_of(kind: str = "own", **fields: Any) -> Fault:
    """Return the fault of a kind with some fields set otherwise; ``ValueError`` if unknown."""
    if kind == "own":
        return Fault.model_validate(fields)
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is none of {sorted(KINDS)}")
    return Fault.model_validate({**KINDS[kind].preset, **fields, "kind": kind})
