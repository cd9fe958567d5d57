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
Place = tuple[str, int]


class Prepared(NamedTuple):
    """What the demo scores and how it judges: files without labels, labels by place.

    A place is a file's name and the number of a row in it, the first being 0.
    """

    files: list[Path]
    labels: dict[Place, int]
    trained_on: int


def prepare(model_dir: Path, data_dir: Path) -> Prepared:
    """Train, write ``model_dir/model.joblib`` and ``FILES`` CSV files, return the labels.

    Each CSV file has a header with the 30 features' names. The split is fixed: every run is the
    same.
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
    data_dir.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    truth: dict[Place, int] = {}
    for number in range(FILES):
        file, rows = data_dir / f"breast-cancer-{number}.csv", held_out.iloc[number::FILES]
        rows.to_csv(file, index=False)
        files.append(file)
        truth |= {(file.name, at): int(labels[row]) for at, row in enumerate(rows.index)}
    return Prepared(files, truth, len(train))


def upload(connection_string: str, files: list[Path], folder: str) -> None:
    """Put *files* into *folder* of the container ``trusted``; a file that is there is replaced."""
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_connection_string(connection_string, CONTAINER) as client:
        for file in files:
            client.upload_blob(f"{folder}/{file.name}", file.read_bytes(), overwrite=True)
