"""The demo's data, model and judgement."""

from __future__ import annotations

import csv

import pytest

from airflow_provider_fabml.local.breast_cancer.data import FILES, MODEL_FILE, prepare
from airflow_provider_fabml.local.breast_cancer.outcome import Outcome
from airflow_provider_fabml.local.process import StackError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The model in ``model``, the files in ``csv``."""
    folder = tmp_path_factory.mktemp("breast-cancer")
    return prepare(folder / "model", folder / "csv")


def test_half_is_trained_on_and_half_is_held_out(prepared):
    """All 569 rows are used, and the files carry features but no label."""
    rows = [row for file in prepared.files for row in csv.DictReader(file.open())]
    assert len(prepared.files) == FILES
    assert prepared.trained_on + len(rows) == 569
    assert len(rows) == len(prepared.labels) == len({tuple(row.values()) for row in rows})
    assert len(rows[0]) == 30
    assert not set(rows[0]) & {"target", "label", "y"}


def test_labels_are_found_by_file_and_row(prepared):
    """A label's place leads to the very row of the data set that has this label."""
    from sklearn.datasets import load_breast_cancer

    features, labels = load_breast_cancer(return_X_y=True)
    known = {tuple(row): label for row, label in zip(features, labels, strict=True)}
    for file in prepared.files:
        for at, row in enumerate(csv.reader(file.open()), start=-1):
            if at >= 0:
                assert known[tuple(map(float, row))] == prepared.labels[file.name, at]


def test_the_model_beats_guessing(prepared):
    """The trained model is right on the held-out rows far more often than the base rate."""
    import joblib
    import pandas as pd

    model = joblib.load(prepared.files[0].parents[1] / "model" / MODEL_FILE)
    lines = [
        f"{file.name} {at} {label} 1.0"
        for file in prepared.files
        for at, label in enumerate(model.predict(pd.read_csv(file)))
    ]
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
        Outcome("azureml://x", lines, {("f", 1): 0, ("f", 2): 1}).check()


def test_accuracy_counts_hits():
    """One right of two is a half."""
    assert Outcome("u", ["f 1 0 0.9", "f 2 0 0.9"], {("f", 1): 0, ("f", 2): 1}).accuracy == 0.5
