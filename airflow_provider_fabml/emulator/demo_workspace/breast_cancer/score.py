"""Scores tumour measurements with the scikit-learn model in AZUREML_MODEL_DIR."""

import os
from pathlib import Path
from typing import Any

model: Any = None


def init() -> None:
    """Load ``model.joblib``; say so clearly when there is none."""
    global model  # noqa: PLW0603 - the scoring script's contract is module state
    home = Path(os.environ["AZUREML_MODEL_DIR"])
    found = sorted(home.rglob("*.joblib"), key=lambda path: len(path.parts))
    if not found and home.is_dir():
        # The model's folder is a link, which rglob does not follow.
        found = sorted(path for folder in home.iterdir() for path in folder.glob("*.joblib"))
    if not found:
        raise FileNotFoundError(
            f"no model (*.joblib) in AZUREML_MODEL_DIR={home}: train it, then start the emulator "
            "with --model-dir FOLDER"
        )
    import joblib

    model = joblib.load(found[0])


def run(mini_batch: list[str]) -> Any:
    """Return one row for each row of each file: file, row, prediction, probability."""
    import pandas as pd

    return pd.concat([_score(Path(path)) for path in mini_batch])


def _score(path: Path) -> Any:
    import pandas as pd

    data = pd.read_csv(path)
    wanted = list(getattr(model, "feature_names_in_", data.columns))
    measures = data[wanted]
    return pd.DataFrame(
        {
            "file": path.name,
            "row": range(len(data)),
            "prediction": model.predict(measures),
            "probability": model.predict_proba(measures)[:, 1].round(6),
        }
    )
