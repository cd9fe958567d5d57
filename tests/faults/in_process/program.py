"""``python -m faults.in_process``: the kill matrix and seeded runs, with one table of what came of them."""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faults.in_process.campaign import Outcome
    from faults.in_process.plans import Plan


def main() -> int:
    """Run what was asked for; 1 if anything was wrong."""
    asked = _arguments()
    began = time.monotonic()
    print(f"seeds {asked.seed} to {asked.seed + asked.runs - 1}, {asked.matrix} matrix", flush=True)
    with ProcessPoolExecutor(asked.jobs, get_context("spawn"), _prepare) as pool:
        plans = pool.submit(_plans, asked).result()
        print(f"{len(plans)} runs", flush=True)
        parts = [plans[n :: asked.jobs] for n in range(asked.jobs)]
        outcomes = list(pool.map(_carry_out, parts, range(asked.jobs)))
    return _report(outcomes, time.monotonic() - began)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults.in_process", description=__doc__)
    parser.add_argument("--matrix", choices=("none", "quick", "full"), default="quick")
    parser.add_argument("--runs", type=int, default=300, help="how many seeded runs")
    parser.add_argument("--seed", type=int, default=0, help="the first one's seed")
    parser.add_argument("--only", default="", help="part of their names: seed/17, row3/model/sync")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    return parser.parse_args()


def _prepare() -> None:
    """An Airflow of this process's own, before anything imports it."""
    folder = tempfile.mkdtemp(prefix="fabml-faults-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(
        AIRFLOW_HOME=folder,
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        NO_PROXY="127.0.0.1,localhost",
        no_proxy="127.0.0.1,localhost",
    )
    os.environ.setdefault("FABML_HOME", str(Path(__file__).resolve().parents[3] / ".local"))
    logging.disable(logging.INFO)


def _plans(asked: argparse.Namespace) -> list[Plan]:
    from faults.in_process.plans import draw_plan
    from faults.in_process.sample import sample

    if asked.only.startswith("sample/"):
        plans = [*sample(deferrable=False), *sample(deferrable=True)]
        return [plan for plan in plans if asked.only in plan.name]
    if asked.only.startswith("seed/"):
        return [draw_plan(int(asked.only.removeprefix("seed/")))]
    seeds = [draw_plan(seed) for seed in range(asked.seed, asked.seed + asked.runs)]
    plans = [*_matrix(asked), *([] if asked.only else seeds)]
    return [plan for plan in plans if asked.only in plan.name]


def _matrix(asked: argparse.Namespace) -> list[Plan]:
    from faults.in_process.matrix import full, places, quick
    from faults.in_process.world import storage, world

    if asked.matrix == "none":
        return []
    with storage() as azurite, world(azurite, {}) as calm:
        found = places(calm)
    return quick(found) if asked.matrix == "quick" and not asked.only else full(found)


def _carry_out(plans: list[Plan], number: int) -> Outcome:
    from faults.in_process.campaign import carry_out
    from faults.in_process.world import storage

    with storage() as azurite:
        return carry_out(azurite, plans, lambda name: print(f"[{number}] {name}", file=sys.stderr))


def _report(outcomes: list[Outcome], seconds: float) -> int:
    from faults.in_process.tally import Tally

    failures = [failure for outcome in outcomes for failure in outcome.failures]
    for failure in failures:
        print(failure, "-" * 80, sep="\n")
    print(sum((outcome.tally for outcome in outcomes), Tally()).table())
    print(f"{seconds:.0f} s; {len(failures)} failures")
    return 1 if failures else 0
