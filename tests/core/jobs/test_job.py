"""Jobs as the service tells them, and as they cross a process."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.jobs.job import JobHandle, JobView, is_terminal
from airflow_provider_fabml.core.jobs.record import Record

WORDS = st.text(max_size=12)
HANDLES = st.builds(
    JobHandle,
    st.text(min_size=1),
    *[WORDS] * 4,
    st.none() | st.dictionaries(WORDS, WORDS),
    st.none() | st.dictionaries(WORDS, WORDS),
    WORDS,
    st.integers(1, 9),
    WORDS,
    st.none() | st.dictionaries(WORDS, WORDS),
)
RECORDS = st.builds(
    Record,
    st.integers(1, 9),
    WORDS,
    st.integers(0, 9),
    *[WORDS] * 4,
    st.dictionaries(WORDS, st.dictionaries(WORDS, WORDS)),
    WORDS,
    st.none() | HANDLES.map(JobHandle.to_json),
    st.booleans(),
)


@given(HANDLES, RECORDS)
def test_handles_and_records_survive_json(handle: JobHandle, record: Record) -> None:
    """Plain JSON there and back, with keys of a later version left alone."""
    for value in (handle, record):
        text = json.dumps({**value.to_json(), "of_a_later_version": 1})
        assert type(value).from_json(json.loads(text)) == value


def test_a_record_of_an_earlier_version_still_reads() -> None:
    """Fields that are newer than the stored record have defaults."""
    stored = Record(1, "i", 0, "d", "e", "g", "model", {}, "t").to_json()
    del stored["own_place"], stored["job"]
    assert Record.from_json(stored).own_place


@pytest.mark.parametrize("word", ["Completed", "Failed", "Canceled"])
def test_three_words_end_a_job(word: str) -> None:
    """The specification has no other final status."""
    assert is_terminal(word)


@given(
    st.text() | st.sampled_from(["NotResponding", "Paused", "Unknown", "Scheduled", "completed"])
)
def test_every_other_word_keeps_waiting(word: str) -> None:
    """The SDK's list has NotResponding and Paused; a job comes back from both."""
    assert is_terminal(word) == (word in {"Completed", "Failed", "Canceled"})


@pytest.mark.shared
@pytest.mark.parametrize(
    ("recording", "exchange", "prefix"),
    [
        ("invoke_model_default_output_2023-03", 0, "c808d695"),
        ("invoke_model_default_output_2023-04", 0, "batchjob-1a960fb3"),
        ("invoke_pipeline_component_2022-12", 1, "c76a7aa3"),
        ("job_get_running_2023-03", 1, "c808d695"),
    ],
)
def test_recorded_jobs_are_read(shared_dir, recording: str, exchange: int, prefix: str) -> None:
    """Name, status, studio link and time of creation stand in every vintage."""
    text = (shared_dir / "specs" / "recorded" / f"{recording}.json").read_text()
    view = JobView.from_body(json.loads(text)["exchanges"][exchange]["response"]["body"])
    assert view.name.startswith(prefix)
    assert view.status in {"Preparing", "Running"}
    assert view.name in view.studio_url
    assert view.created_at.startswith("202")


def test_a_body_may_tell_little() -> None:
    """Only the name is indispensable."""
    assert JobView.from_body({"name": "j", "properties": None}) == JobView("j", "", "", "", {})
    with pytest.raises(ValueError, match="names no job"):
        JobView.from_body({"name": None})
