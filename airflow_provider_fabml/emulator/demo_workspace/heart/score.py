"""Scores UCI heart files with a plain rule that stands in for a trained model.

One risk factor each: older than 54, chest pain of type 4, resting blood pressure over 140,
cholesterol over 240, maximum heart rate under 140, angina on exercise, ST depression over 1.0.
A patient with at least HEART_THRESHOLD factors (4 unless the deployment says otherwise) is 1.
"""

import csv
import os
from collections.abc import Callable
from pathlib import Path

RISKS: dict[str, Callable[[float], bool]] = {
    "age": lambda value: value > 54,
    "cp": lambda value: value == 4,
    "trestbps": lambda value: value > 140,
    "chol": lambda value: value > 240,
    "thalach": lambda value: value < 140,
    "exang": lambda value: value == 1,
    "oldpeak": lambda value: value > 1.0,
}
threshold = 4


def init() -> None:
    """Read the threshold; a real script would load its model from AZUREML_MODEL_DIR here."""
    global threshold  # noqa: PLW0603 - the scoring script's contract is module state
    threshold = int(os.environ.get("HEART_THRESHOLD", "4"))


def run(mini_batch: list[str]) -> list[str]:
    """Return one line for each row of each file: file, row, factors, prediction."""
    return [line for path in mini_batch for line in _score(Path(path))]


def _score(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [
            f"{path.name} {number} {_predict(row)}"
            for number, row in enumerate(csv.DictReader(file))
        ]


def _predict(row: dict[str, str]) -> str:
    factors = sum(at_risk(float(row[name])) for name, at_risk in RISKS.items())
    return f"{factors} {int(factors >= threshold)}"
