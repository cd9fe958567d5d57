"""The soak's verdicts notice what they are for, and a small soak ends with clean books."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from faults.soak.secrets_in import passwords, secrets_in
from faults.soak.side_by_side import tally
from faults.soak.soak import Books, compare, soak
from faults.soak.tasks import Task

GIVEN = {"requests": 20, "faults": 4, "counts": {"503_after": 4}}
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x"


def job(name: str, run: str, state: str = "Completed") -> dict[str, Any]:
    """The service's truth about a job of a run."""
    return {"name": name, "state": state, "request": {"tags": {"airflow_run_id": run}}}


def task(number: int, name: str | None, state: str = "success", tries: int = 1) -> Task:
    """What a task returned."""
    result = None if name is None else {"job_name": name}
    return Task(number, f"soak__{number}", tries, False, state, result, "")


def books(tasks: list[Task], jobs: list[dict[str, Any]], secrets: list[str] | None = None) -> Books:
    """Both sides after a soak."""
    return Books(tasks, jobs, GIVEN, 1.0, secrets or [], 10)


def test_clean_books_have_no_findings() -> None:
    """One completed job for each task; a retry is told and is no fault."""
    found = compare(
        books([task(0, "a"), task(1, "b", tries=2)], [job("a", "soak__0"), job("b", "soak__1")])
    )
    assert found == ([], [], [], [], [], 1, 10.0)


def test_each_kind_of_loss_is_found() -> None:
    """A job twice, a result without a completed job, a cancelled job, a failed task, a secret."""
    tasks = [task(0, "a"), task(1, "b"), task(2, None, "failed")]
    jobs = [job("a", "soak__0"), job("c", "soak__0", "Running"), job("b", "soak__1", "Canceled")]
    found = compare(books(tasks, jobs, ["sec"]))
    assert [one.number for one in found.failed] == [2]
    assert found[1:5] == (["soak__0"], ["soak__1", "soak__2"], ["b"], ["sec"])


def test_secrets_are_found_in_every_form() -> None:
    """Known ones, tokens and signatures; a job's name is none of them."""
    known = passwords({"a": {"password": "hunter2-hunter2"}, "b": {"login": "x"}})
    assert secrets_in(f"x hunter2-hunter2 {TOKEN} ?sig={'a' * 30}", known) == [
        "hunter",
        TOKEN[:12],
        f"?sig={'a' * 7}",
    ]
    assert secrets_in("batchjob-df1a9bce-69ba-4c02", known) == []


def post(number: int, **headers: str) -> Any:
    """A job-creating POST of call ``number`` by the first identity."""
    return SimpleNamespace(
        body=f"…/soak__{number}/…", headers=headers, authorization={"appid": "one"}
    )


def test_the_tally_sees_wrong_headers_and_unknown_jobs() -> None:
    """Call 0 names no deployment and is the first identity's, call 3 is neither."""
    request = {"outputData": {"score": {"uri": "…/soak__3/…"}}}
    posts = [post(0), post(0, **{"azureml-model-deployment": "strict-rule"}), post(3)]
    counted = tally(
        {0: "job", 3: "!HttpResponseError"}, [{"request": request}] * 2, posts, ["one", "two"]
    )
    assert counted == {
        "intended": 2,
        "jobs": 2,
        "twice": 1,
        "unknown": 2,
        "raised": 1,
        "wrong_deployments": 2,
        "wrong_tokens": 1,
        "posts": 3,
    }


@pytest.mark.azurite
def test_a_small_soak_ends_with_clean_books(node: None) -> None:
    """Twelve invocations, one request in five faulty: one job each, and nobody failed."""
    done = soak(invocations=12, rate=0.2, seed=7, processes=2)
    found = compare(done)
    assert found[:5] == ([], [], [], [], [])
    assert done.given["faults"] > 0
