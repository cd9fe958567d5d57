"""Thousands of invocations while one request in five gets a faulty answer, then the books are compared.

    python tests/faults/soak/soak.py [--invocations 2000] [--rate 0.2] [--seed 1] [--processes 6]

Every task is Airflow's own task runner with the real operator, retries included; every second one
defers. Jobs really score. The exit code is 1 if a job is there twice, lost, or a task failed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from faults.soak.secrets_in import passwords, secrets_in
from faults.soak.tasks import Share, Task, work
from faults.soak.world import connections, served

if TYPE_CHECKING:
    from support.scoring import Scoring


class Books(NamedTuple):
    """What the service and the tasks say after the soak."""

    tasks: list[Task]
    jobs: list[dict[str, Any]]
    given: dict[str, Any]
    seconds: float
    secrets: list[str]
    bytes_written: int


class Findings(NamedTuple):
    """What must be empty or zero, and what is worth knowing."""

    failed: list[Task]
    duplicates: list[str]
    lost: list[str]
    cancelled: list[str]
    secrets: list[str]
    retried: int
    requests_per_job: float


def compare(books: Books) -> Findings:
    """Hold what the tasks returned against the truth of the service."""
    runs = Counter(job["request"]["tags"]["airflow_run_id"] for job in books.jobs)
    states = {job["name"]: job["state"] for job in books.jobs}
    named = {task.run_id: (task.result or {}).get("job_name", "") for task in books.tasks}
    return Findings(
        failed=[task for task in books.tasks if task.state != "success"],
        duplicates=[run for run, count in runs.items() if count > 1],
        lost=[run for run, job in named.items() if states.get(job) != "Completed"],
        cancelled=[job for job, state in states.items() if state.startswith("Cancel")],
        secrets=books.secrets,
        retried=sum(task.tries > 1 for task in books.tasks),
        requests_per_job=books.given["requests"] / max(len(books.tasks), 1),
    )


def soak(*, invocations: int, rate: float, seed: int, processes: int) -> Books:
    """Run it all; gives the books."""
    with served("immediate") as scoring, tempfile.TemporaryDirectory() as folder:
        shares = _shares(scoring, invocations, processes, Path(folder))
        control = scoring.emulator.control
        control.start_faults(seed=seed, rate=rate)
        began = time.monotonic()
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            tasks = [task for done in pool.map(work, shares) for task in done]
        seconds = time.monotonic() - began
        control.stop_faults()
        for job in control.jobs():
            control.wait(job["name"])
        known = [*passwords(shares[0].connections), scoring.azurite.key]
        texts = [share.written.read_text() for share in shares]
        secrets = [secret for text in texts for secret in secrets_in(text, known)]
        return Books(
            tasks, control.jobs(), control.faults_given(), seconds, secrets, sum(map(len, texts))
        )


def _shares(scoring: Scoring, invocations: int, processes: int, folder: Path) -> list[Share]:
    inputs, known = scoring.upload(files=1, rows=1), connections(scoring)
    return [
        Share([*range(one, invocations, processes)], known, inputs, True, folder / f"{one}.log")
        for one in range(processes)
    ]


def show(books: Books, found: Findings) -> None:
    """Print the figures."""
    given, total = books.given, len(books.tasks)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(given["counts"].items()))
    rows = {
        "invocations": f"{total} in {books.seconds:.0f} s, every second one deferrable",
        "requests": f"{given['requests']}, of which {given['faults']} got a fault "
        f"({given['faults'] / max(given['requests'], 1):.1%})",
        "requests per job": f"{found.requests_per_job:.1f}",
        "jobs": len(books.jobs),
        "duplicates": len(found.duplicates),
        "lost": len(found.lost),
        "jobs cancelled": len(found.cancelled),
        "tasks failed": len(found.failed),
        "tasks that needed a retry": found.retried,
        "secrets": f"{len(found.secrets)} in {books.bytes_written / 1e6:.0f} MB of logs, errors, XComs",
        "faults": kinds,
    }
    for name, value in rows.items():
        print(f"{name:26} {value}")
    for task in found.failed[:5]:
        print(f"  {task.run_id} {task.state} after {task.tries} tries: {task.error[:300]}")
    for name, listed in (
        ("twice", found.duplicates),
        ("lost", found.lost),
        ("secret", found.secrets),
    ):
        print(*(f"  {name}: {run}" for run in listed[:5]), sep="\n", end="\n" if listed else "")


def main() -> int:
    """Read the command line, soak, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--invocations", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=6)
    with tempfile.TemporaryDirectory(prefix="fabml-soak-") as home:
        os.environ["AIRFLOW_HOME"] = home
        books = soak(**vars(parser.parse_args()))
    found = compare(books)
    show(books, found)
    wrong = (found.failed, found.duplicates, found.lost, found.cancelled, found.secrets)
    return int(any(wrong))


if __name__ == "__main__":
    sys.exit(main())
