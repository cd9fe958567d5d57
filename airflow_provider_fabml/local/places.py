"""Where the local stack keeps its files, and the little it needs to write them safely."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the folder for everything the stack writes: ``$FABML_HOME``, else ``./.local``.

    Never inside the installed package: site-packages may be read-only.
    """
    return Path(os.environ.get("FABML_HOME") or Path.cwd() / ".local").absolute()


def write_private(path: Path, text: str) -> Path:
    """Write *text* so that only its owner can ever read it (mode 0600 from the first byte)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
