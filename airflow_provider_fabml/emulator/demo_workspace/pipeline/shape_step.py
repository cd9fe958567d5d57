"""Second step of the heart pipeline: one file (``append``) or one for each input (``separate``)."""

import sys
from pathlib import Path


def main(folder: Path, mode: str) -> None:
    """Shape what the first step left in ``folder``."""
    parts = sorted(folder.glob("*.scored"))
    if mode == "append":
        text = "".join(part.read_text(encoding="utf-8") for part in parts)
        (folder / "predictions.csv").write_text(text, encoding="utf-8")
    elif mode == "separate":
        for part in parts:
            part.with_suffix(".csv").write_text(part.read_text(encoding="utf-8"), encoding="utf-8")
    else:
        sys.exit(f"score_mode {mode!r} is neither 'append' nor 'separate'")
    for part in parts:
        part.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
