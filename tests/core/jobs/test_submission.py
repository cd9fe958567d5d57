"""The steps and verdicts of a submission that the state machine cannot draw."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_fabml.core.jobs.job import JobHandle
from airflow_provider_fabml.core.jobs.submission import (
    Adopt,
    Ask,
    LookUp,
    NotThere,
    Open,
    Record,
    Resume,
    Situation,
    Undecided,
    WaitAndLookAgain,
    canonical,
    handle_of,
    judge,
    next_step,
    output_uris,
)

URI = "azureml://datastores/trusted_blob/paths/endpoints/d/r/t/1/predictions.csv"
LONG = f"azureml://subscriptions/s/resourcegroups/g/workspaces/w/{URI.removeprefix('azureml://')}"
INTENDED = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATE = INTENDED + timedelta(minutes=10)
OUTPUTS = {"score": {"type": "UriFile", "uri": URI}}
RECORD = Record(1, "mine", 2, "dig", "heart", "blue", "model", OUTPUTS, INTENDED.isoformat())
NOW = Situation(1, 2, "dig")


def job(
    uri: str | None = None, tag: str | None = None, at: datetime = LATE, name: str = "j"
) -> dict[str, Any]:
    """A job resource with these marks."""
    bag = {"azureml.parameters": json.dumps({"output_uri": uri})} if uri else {}
    tags = {"airflow_invocation": tag} if tag else None
    system = {"createdAt": at.isoformat()}
    return {"name": name, "properties": {"properties": bag, "tags": tags}, "systemData": system}


@pytest.mark.parametrize(
    ("record", "now", "status", "step"),
    [
        (None, NOW, None, Open(1)),
        (RECORD, NOW, None, LookUp(RECORD)),
        (RECORD, NOW._replace(digest="new"), None, Open(2, RECORD)),
        (RECORD, NOW._replace(try_number=4, max_tries=5), None, Open(4, RECORD)),
    ],
)
def test_without_a_job(record: Record | None, now: Situation, status: str, step: object) -> None:
    """Nothing known, an open intent, other inputs in the same try, a Clear."""
    assert next_step(record, now, status) == step


def test_with_a_job() -> None:
    """A job that ended is a failure of its own try and of no other."""
    known = RECORD._replace(job=JobHandle("j", "heart").to_json())
    later = NOW._replace(try_number=2)
    assert handle_of(known) == JobHandle("j", "heart")
    assert next_step(known, NOW) == Ask(known)
    for status in ("Running", "NotResponding", "Completed", "anything"):
        assert next_step(known, later, status) == Resume(known)
    for status in ("Failed", "Canceled"):
        assert next_step(known, NOW, status) == Resume(known)
        assert next_step(known, later, status) == Open(2)


@pytest.mark.parametrize(
    ("jobs", "verdict"),
    [
        ([], NotThere()),
        ([job(URI)], Adopt("j")),
        ([job(LONG)], Adopt("j")),
        ([job(URI, "earlier post")], Adopt("j")),
        ([job(tag="mine")], Adopt("j")),
        ([job(f"{URI}.other"), job(tag="another")], NotThere()),
        ([job()], Undecided(("j",))),
        ([job(name="b"), job(name="a")], Undecided(("a", "b"))),
        ([job(at=INTENDED - timedelta(minutes=6))], NotThere()),
        ([job(at=INTENDED - timedelta(minutes=4))], Undecided(("j",))),
        ([job(), job(URI, name="k")], Adopt("k")),
    ],
)
def test_a_place_of_our_own_names_the_job(jobs: list, verdict: object) -> None:
    """Only this attempt can write below its own folder, whatever clocks and tags say."""
    assert judge(RECORD, jobs, LATE) == verdict


@pytest.mark.parametrize(
    ("jobs", "verdict"),
    [
        ([job(URI)], Adopt("j")),
        ([job(URI, "mine", INTENDED - timedelta(minutes=4))], Adopt("j")),
        ([job(URI, "another")], NotThere()),
        ([job(URI, at=INTENDED - timedelta(days=1))], NotThere()),
        ([job(URI, at=INTENDED - timedelta(minutes=4))], Undecided(("j",))),
        ([job(URI), job(URI, name="k")], Undecided(("j", "k"))),
        ([job(URI), job(name="k")], Undecided(("j", "k"))),
    ],
)
def test_a_place_the_caller_gave_may_be_anothers(jobs: list, verdict: object) -> None:
    """Yesterday's job wrote to the same URI: time and tag must agree as well."""
    assert judge(RECORD._replace(own_place=False), jobs, LATE) == verdict


def test_not_there_is_concluded_only_after_the_settle_window() -> None:
    """A new job may be missing in lists for a while."""
    early = judge(RECORD, [], INTENDED + timedelta(seconds=58))
    assert early == WaitAndLookAgain(2.0)
    assert judge(RECORD, [], INTENDED) == WaitAndLookAgain(5.0)
    assert judge(RECORD, [], INTENDED + timedelta(seconds=60)) == NotThere()


@pytest.mark.parametrize("created", [None, "soon", "2026-01-01T12:10:00", "2026-01-01T12:10:00Z"])
def test_a_job_of_unknown_age_could_be_ours(created: str | None) -> None:
    """A time without zone is UTC, and one that cannot be read is new."""
    odd = {**job(), "systemData": {"createdAt": created}}
    assert judge(RECORD, [odd], LATE) == Undecided(("j",))


def test_output_uris_stand_at_three_places() -> None:
    """In parameters, in the data plane's ``outputData`` and in the job's ``outputs``."""
    body = job(URI)
    body["properties"] |= {
        "outputData": {"a": {"uri": f"{LONG}/a"}, "b": None, "c": {"uri": None}},
        "outputs": {"d": {"uri": "https://x/y"}},
    }
    here = "trusted_blob/endpoints/d/r/t/1/predictions.csv"
    assert output_uris(body) == {here, f"{here}/a", "https://x/y"}
    for parameters in ("no json", "[1]"):
        bag = {"azureml.parameters": parameters}
        assert output_uris({"name": "j", "properties": {"properties": bag}}) == set()


def test_an_unreadable_uri_stands_for_itself() -> None:
    """What the service tells is compared, never refused."""
    assert canonical("azureml://datastores/x") == "azureml://datastores/x"
    assert canonical("azureml:heart:1") == "azureml:heart:1"
