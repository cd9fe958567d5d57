"""The same faults for three clients: the SDK as it comes, the SDK from ``get_conn()``, the operator.

    python tests/faults/soak/side_by_side.py [--invocations 1000] [--rate 0.2] [--seed 1]

Eight threads (processes for the operator) and two identities call one endpoint, half of the calls
naming a deployment. The exit code is 1 if the operator made a job too many or sent a wrong header.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from faults.soak.sdk_calls import THREADS, Calls, call_all, deployment_of
from faults.soak.tasks import Share, work
from faults.soak.world import connections, served

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.scoring import Scoring

SPAWN = get_context("spawn")
_NUMBER = re.compile(r"soak__(\d+)")


class Tally(NamedTuple):
    """One client's figures for ``intended`` calls.

    ``unknown`` are jobs whose caller got an error instead, ``twice`` calls with more than one job.
    """

    intended: int
    jobs: int
    twice: int
    unknown: int
    raised: int
    wrong_deployments: int
    wrong_tokens: int
    posts: int
    requests: int
    seconds: float


def tally(
    told: dict[int, str], jobs: list[dict[str, Any]], posts: list[Any], identities: list[str]
) -> dict[str, int]:
    """Hold what callers were told against the jobs and POSTs of the service. Pure."""
    made = Counter(_number(json.dumps(job["request"])) for job in jobs)
    raised = {number for number, word in told.items() if word.startswith("!")}
    sent = [(_number(post.body), post) for post in posts]
    header = "azureml-model-deployment"
    return {
        "intended": len(told),
        "jobs": len(jobs),
        "twice": sum(count > 1 for count in made.values()),
        "unknown": sum(made[number] for number in raised),
        "raised": len(raised),
        "wrong_deployments": sum(p.headers.get(header) != deployment_of(n) for n, p in sent),
        "wrong_tokens": sum(p.authorization.get("appid") != identities[n % 2] for n, p in sent),
        "posts": len(posts),
    }


def _number(text: str) -> int:
    found = _NUMBER.search(text)
    if found is None:
        raise ValueError(f"a request of nobody's: {text[:200]}")
    return int(found.group(1))


def by_sdk(scoring: Scoring, numbers: list[int], folder: str, *, guarded: bool) -> dict[int, str]:
    """All calls by one process with eight threads."""
    workspace = scoring.emulator.workspace
    calls = Calls(
        numbers,
        folder,
        connections(scoring),
        scoring.emulator.environment(),
        (workspace.subscription_id, workspace.resource_group, workspace.name),
        guarded,
    )
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        return pool.submit(call_all, calls).result()


def by_operator(scoring: Scoring, numbers: list[int], folder: str) -> dict[int, str]:
    """All calls by the operator without waiting, in eight processes."""
    with tempfile.TemporaryDirectory() as place, ProcessPoolExecutor(THREADS, SPAWN) as pool:
        known = connections(scoring)
        shares = [
            Share(numbers[one::THREADS], known, folder, False, Path(place) / f"{one}.log")
            for one in range(THREADS)
        ]
        tasks = [task for done in pool.map(work, shares) for task in done]
    return {t.number: str(t.result["job_name"]) if t.result else f"!{t.state}" for t in tasks}


def measure(
    invocations: int, rate: float, seed: int, call: Callable[[Scoring, list[int], str], Any]
) -> Tally:
    """One client against a workspace of its own, with the same seed for each."""
    with served("manual") as scoring:
        folder, control = scoring.upload(files=1, rows=1), scoring.emulator.control
        control.start_faults(seed=seed, rate=rate)
        began = time.monotonic()
        told = call(scoring, [*range(invocations)], folder)
        seconds = time.monotonic() - began
        control.stop_faults()
        identities = [connections(scoring)[f"azure_ml_{index}"]["login"] for index in (0, 1)]
        figures = tally(told, control.jobs(), scoring.posts(), identities)
        return Tally(**figures, requests=control.faults_given()["requests"], seconds=seconds)


CLIENTS: dict[str, Callable[..., Any]] = {
    "MLClient": lambda *a: by_sdk(*a, guarded=False),
    "get_conn()": lambda *a: by_sdk(*a, guarded=True),
    "operator": by_operator,
}


def main() -> int:
    """Read the command line, measure all three, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--invocations", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tallies = {}
    with tempfile.TemporaryDirectory(prefix="fabml-soak-") as home:
        os.environ["AIRFLOW_HOME"] = home
        for name, call in CLIENTS.items():
            tallies[name] = measure(given.invocations, given.rate, given.seed, call)
    print(f"{'':18}" + "".join(f"{name:>14}" for name in tallies))
    for field in Tally._fields:
        values = (getattr(one, field) for one in tallies.values())
        print(f"{field.replace('_', ' '):18}" + "".join(f"{value:14.0f}" for value in values))
    ours = tallies["operator"]
    wrong = (ours.twice, ours.unknown, ours.raised, ours.wrong_deployments, ours.wrong_tokens)
    return int(any(wrong) or ours.jobs != ours.intended)


if __name__ == "__main__":
    sys.exit(main())
