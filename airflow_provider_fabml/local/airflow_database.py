"""A migrated SQLite database, made once per Airflow version and copied afterwards.

``airflow db migrate`` costs some eight seconds of CPU and gives the same empty database each time.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from importlib.metadata import version
from typing import TYPE_CHECKING

from airflow_provider_fabml.local.places import home

if TYPE_CHECKING:
    from pathlib import Path


def template() -> Path:
    """Where the empty database of the installed Airflow is kept, be it there or not."""
    return home() / "cache" / f"airflow-{version('apache-airflow-core')}.db"


def restore(database: Path) -> bool:
    """Copy the kept database to *database*; False if there is none yet."""
    if not template().exists():
        return False
    _copy(template(), database)
    return True


def keep(database: Path) -> None:
    """Keep a copy of the just migrated *database*, complete or not at all."""
    template().parent.mkdir(parents=True, exist_ok=True)
    partial = template().with_suffix(f".{os.getpid()}")
    _copy(database, partial)
    partial.replace(template())


def _copy(source: Path, target: Path) -> None:
    """Copy with SQLite's own backup, which includes what is still in the write-ahead log."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)
