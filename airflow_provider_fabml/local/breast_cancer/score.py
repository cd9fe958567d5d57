"""Scoring script of the demo's model deployment: what would be deployed to Azure ML as it stands.

Contract: ``init()`` once a process, ``run(mini_batch)`` with a list of file paths, returns a
DataFrame whose rows are appended to ``predictions.csv`` ("Author scoring scripts for batch
deployments", Azure Machine Learning documentation).
"""

import os
from pathlib import Path
from typing import Any

model: Any = None


def init() -> None:
    """Load the model that the deployment mounted."""
    import joblib

    global model  # noqa: PLW0603 - the contract gives init() no other way to hand it to run()
    (file,) = Path(os.environ["AZUREML_MODEL_DIR"]).rglob("model.joblib")
    model = joblib.load(file)


def run(mini_batch: list[str]) -> Any:
    """Return one row for each row of each file: row number, predicted label, its probability."""
    import pandas as pd

    return pd.concat([_score(file) for file in mini_batch])


def _score(file: str) -> Any:
    import pandas as pd

    rows = pd.read_csv(file, index_col="row")
    return pd.DataFrame(
        {
            "file": Path(file).name,
            "row": rows.index,
            "prediction": model.predict(rows),
            "probability": model.predict_proba(rows).max(axis=1).round(4),
        }
    )
