"""The rig, for those who ask for it: nothing here is started or imported for other tests."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.rig import Rig
    from faults.truth import Metadata


@pytest.fixture(scope="session")
def rig(node: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """PostgreSQL, Redis, Airflow with two workers and two triggerers, Azure ML and storage."""
    from faults.rig import Rig

    # Ending the harness politely ends what it started, as Ctrl-C does.
    before = signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    folder = tmp_path_factory.mktemp("faults")
    print(f"Logs: {folder}", file=sys.stderr)
    try:
        with Rig(folder) as started:
            yield started
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def metadata(rig: Rig) -> Iterator[Metadata]:
    """The rig's metadata database, read only."""
    from faults.truth import Metadata

    database = Metadata(rig.postgres.address)
    yield database
    database.close()
