"""The demo's data, model and judgement."""

from __future__ import annotations

import csv

import pytest

from airflow_provider_fabml.local.breast_cancer import score
from airflow_provider_fabml.local.breast_cancer.data import FILES, prepare
from airflow_provider_fabml.local.breast_cancer.outcome import Outcome
from airflow_provider_fabml.local.process import StackError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The model in ``model``, the files in ``csv``."""
    folder = tmp_path_factory.mktemp("breast-cancer")
    return prepare(folder / "model", folder / "csv")


def _rows(prepared) -> list[dict[str, str]]:
    return [row for file in prepared.files for row in csv.DictReader(file.open())]


def test_half_is_trained_on_and_half_is_held_out(prepared):
    """All 569 rows are used, none twice, and the files carry no label."""
    rows = _rows(prepared)
    assert len(prepared.files) == FILES
    assert prepared.trained_on + len(rows) == 569
    assert {int(row["row"]) for row in rows} == prepared.labels.keys()
    assert len(rows) == len(prepared.labels)
    assert set(rows[0]) & {"target", "label", "y"} == set()
    assert len(rows[0]) == 31


def test_the_scoring_script_beats_guessing(prepared, monkeypatch):
    """The deployed script scores each row once and is right far more often than the base rate."""
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(prepared.files[0].parents[1] / "model"))
    score.init()
    scored = score.run([str(file) for file in prepared.files])
    lines = scored.to_csv(sep=" ", header=False, index=False).splitlines()
    outcome = Outcome("azureml://x", lines, prepared.labels)
    outcome.check()
    base_rate = sum(prepared.labels.values()) / len(prepared.labels)
    assert outcome.accuracy > 0.93 > base_rate


@pytest.mark.parametrize(
    "lines",
    [
        ["f 1 0 0.9"],
        ["f 1 0 0.9", "f 2 1 0.9", "f 2 1 0.9"],
        ["f 1 0 0.9", "f 3 1 0.9"],
    ],
    ids=["lost", "doubled", "another"],
)
def test_a_miscount_is_refused(lines):
    """A row that is lost, doubled or exchanged is an error, not a footnote."""
    with pytest.raises(StackError, match="2 rows went in"):
        Outcome("azureml://x", lines, {1: 0, 2: 1}).check()


def test_accuracy_counts_hits():
    """One right of two is a half."""
    assert Outcome("u", ["f 1 0 0.9", "f 2 0 0.9"], {1: 0, 2: 1}).accuracy == 0.5
