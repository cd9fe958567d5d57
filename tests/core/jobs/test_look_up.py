"""Which of an endpoint's jobs is the one whose answer was lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_fabml.core.jobs.look_up import (
    SETTLE_WINDOW,
    Identified,
    NotThere,
    Undecided,
    WaitAndLookAgain,
    canonical,
    doubtful,
    judge,
    output_uris,
)
from airflow_provider_fabml.core.jobs.record import Record

URI = "azureml://datastores/trusted_blob/paths/endpoints/d/r/t/1/predictions.csv"
LONG = f"azureml://subscriptions/s/resourcegroups/g/workspaces/w/{URI.removeprefix('azureml://')}"
INTENDED = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATE = INTENDED + timedelta(minutes=10)
OUTPUTS = {"score": {"type": "UriFile", "uri": URI}}
RECORD = Record(1, "mine", 2, "dig", "heart", "blue", "model", OUTPUTS, INTENDED.isoformat())
VISIBLE_BY = INTENDED + SETTLE_WINDOW


def job(
    uri: str | None = None, tag: str | None = None, at: datetime = LATE, name: str = "j"
) -> dict[str, Any]:
    """A job resource with these marks."""
    bag = {"azureml.parameters": json.dumps({"output_uri": uri})} if uri else {}
    tags = {"airflow_invocation": tag} if tag else None
    system = {"createdAt": at.isoformat()}
    return {"name": name, "properties": {"properties": bag, "tags": tags}, "systemData": system}


@pytest.mark.parametrize(
    ("jobs", "verdict"),
    [
        ([], NotThere()),
        ([job(URI)], Identified("j")),
        ([job(LONG)], Identified("j")),
        ([job(URI, "earlier post")], Identified("j")),
        ([job(URI, name="a"), job(tag="mine", name="b")], Identified("a", ("b",))),
        ([job(tag="mine")], Identified("j")),
        ([job(f"{URI}.other"), job(tag="another")], NotThere()),
        ([job()], Undecided(("j",))),
        ([job(name="b"), job(name="a")], Undecided(("a", "b"))),
        ([job(at=INTENDED - timedelta(minutes=6))], NotThere()),
        ([job(at=INTENDED - timedelta(minutes=4))], Undecided(("j",))),
        ([job(), job(URI, name="k")], Identified("k")),
    ],
)
def test_a_place_of_our_own_names_the_job(jobs: list, verdict: object) -> None:
    """Only this attempt can write below its own folder, whatever clocks and tags say."""
    assert judge(RECORD, jobs, LATE, VISIBLE_BY) == verdict


@pytest.mark.parametrize(
    ("jobs", "verdict"),
    [
        ([job(URI)], Identified("j")),
        ([job(URI, "mine", INTENDED - timedelta(minutes=4))], Identified("j")),
        ([job(URI, "another")], NotThere()),
        ([job(URI, at=INTENDED - timedelta(days=1))], NotThere()),
        ([job(URI, at=INTENDED - timedelta(minutes=4))], Undecided(("j",))),
        ([job(URI), job(URI, name="k")], Undecided(("j", "k"))),
        ([job(URI), job(name="k")], Undecided(("j", "k"))),
    ],
)
def test_a_place_the_caller_gave_may_be_anothers(jobs: list, verdict: object) -> None:
    """Yesterday's job wrote to the same URI: time and tag must agree as well."""
    assert judge(RECORD._replace(own_place=False), jobs, LATE, VISIBLE_BY) == verdict


@pytest.mark.parametrize("jobs", [[], [job()]])
def test_nothing_is_concluded_before_the_settle_window_passed(jobs: list) -> None:
    """A new job may be missing in lists for a while, also where another could be taken for it."""
    early = judge(RECORD, jobs, INTENDED + timedelta(seconds=58), VISIBLE_BY)
    assert early == WaitAndLookAgain(2.0)
    assert judge(RECORD, jobs, INTENDED, VISIBLE_BY) == WaitAndLookAgain(5.0)
    late = judge(RECORD, jobs, VISIBLE_BY, VISIBLE_BY)
    assert late == (Undecided(("j",)) if jobs else NotThere())


def test_details_are_read_of_what_could_be_ours_and_tells_nothing() -> None:
    """Jobs without a mark, those nearest to the intent first; none once our own is known."""
    older, newer = job(name="older", at=LATE), job(name="newer", at=LATE + timedelta(hours=1))
    marked = [job(f"{URI}.other", name="x"), job(at=INTENDED - timedelta(days=1), name="y")]
    assert doubtful(RECORD, [older, newer, *marked]) == ["older", "newer"]
    assert doubtful(RECORD, [older, job(URI, name="ours")]) == []


@pytest.mark.parametrize("created", [None, "soon", "2026-01-01T12:10:00", "2026-01-01T12:10:00Z"])
def test_a_job_of_unknown_age_could_be_ours(created: str | None) -> None:
    """A time without zone is UTC, and one that cannot be read is new."""
    odd = {**job(), "systemData": {"createdAt": created}}
    assert judge(RECORD, [odd], LATE, VISIBLE_BY) == Undecided(("j",))


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
