"""The distributed proof: kills, standstills and cuts under load. ``make test-faults``.

A file that the ordinary run does not collect: it takes PostgreSQL, Redis and some twenty minutes.
``FAULTS_SEED`` replays a program; ``FAULTS_KILLS``, ``FAULTS_STOPS``, ``FAULTS_CUTS`` and
``FAULTS_RUNS`` (DAG runs in flight) change its size.
"""

from __future__ import annotations

import os
import secrets

import pytest
from faults import strikes
from faults.campaign import Campaign
from faults.table import table

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"FAULTS_{name}") or default)


def test_one_job_an_attempt_whatever_is_struck(rig, metadata, capsys):
    """Under seeded strikes every DAG run succeeds, with one job an attempt and none lost."""
    seed = _number("SEED", secrets.randbelow(10_000))
    kills, stops, cuts = _number("KILLS", 64), _number("STOPS", 10), _number("CUTS", 14)
    program = strikes.program(seed, kills=kills, stops=stops, cuts=cuts)
    log = rig.folder / "strikes.jsonl"
    with capsys.disabled():
        print(f"\nSeed {seed}: {len(program)} strikes, one line each")
        campaign = Campaign(rig, metadata, seed=seed, width=_number("RUNS", 8), log=log)
        outcome = campaign.run(program)
        print(f"\n{table(outcome)}\n")
    killed = sum(hit.strike.how == strikes.KILL for hit in outcome.hits)
    assert outcome.verdict.faults == {}, f"seed {seed}; strikes in {log}"
    assert killed >= 0.95 * kills, f"seed {seed}: {[each.cell for each in outcome.missed]}"
