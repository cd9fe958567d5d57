"""Train a model on one half of the rows; write the other half as CSV files without labels.

Source: ``sklearn.datasets.load_breast_cancer`` (UCI Breast Cancer Wisconsin, Diagnostic): 569 rows,
30 features, label 0 = malignant, 1 = benign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.local.breast_cancer.workspace import CONTAINER

if TYPE_CHECKING:
    from pathlib import Path

FILES = 5
MODEL_FILE = "model.joblib"


class Prepared(NamedTuple):
    """What the demo scores and how it judges: files without labels, labels by row number."""

    files: list[Path]
    labels: dict[int, int]
    trained_on: int


def prepare(model_dir: Path, data_dir: Path) -> Prepared:
    """Train, write ``model_dir/model.joblib`` and ``FILES`` CSV files, return the labels.

    Each CSV file has a header; its first column ``row`` is the row's number in the data set, so
    that a prediction can be compared with its label. The split is fixed: every run is the same.
    """
    import joblib
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    train, held_out = train_test_split(
        features, test_size=0.5, random_state=20, stratify=labels, shuffle=True
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(train, labels[train.index])
    model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, model_dir / MODEL_FILE)
    files = _write(held_out, data_dir)
    truth = {int(row): int(labels[row]) for row in held_out.index}
    return Prepared(files, truth, len(train))


def _write(held_out: object, data_dir: Path) -> list[Path]:
    import pandas as pd

    data_dir.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame(held_out).rename_axis("row").reset_index()
    files = [data_dir / f"breast-cancer-{number}.csv" for number in range(FILES)]
    for number, file in enumerate(files):
        rows.iloc[number::FILES].to_csv(file, index=False)
    return files


def upload(connection_string: str, files: list[Path], folder: str) -> None:
    """Put *files* into *folder* of the container ``trusted``; a file that is there is replaced."""
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_connection_string(connection_string, CONTAINER) as client:
        for file in files:
            client.upload_blob(f"{folder}/{file.name}", file.read_bytes(), overwrite=True)
