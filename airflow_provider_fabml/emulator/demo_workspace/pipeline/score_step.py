"""First step of the heart pipeline: score every file of the input folder."""

import csv
import sys
from pathlib import Path

THRESHOLDS = {"age": 54.0, "trestbps": 140.0, "chol": 240.0, "oldpeak": 1.0}


def score(row: dict[str, str]) -> int:
    """Return 1 where at least two measures exceed their thresholds."""
    return int(sum(float(row[name]) > limit for name, limit in THRESHOLDS.items()) >= 2)


def main(source: Path, target: Path) -> None:
    """Write one ``<name>.scored`` file beside the others for each input file."""
    for path in sorted(source.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            lines = [
                f"{path.name} {n} {score(row)}\n" for n, row in enumerate(csv.DictReader(file))
            ]
        (target / f"{path.stem}.scored").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
