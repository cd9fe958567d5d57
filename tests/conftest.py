"""What every test may ask for: real storage, the shared material, an Airflow home of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_fabml.local.azurite import Azurite

pytest_plugins = ["support.scoring_fixtures"]
ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
NO_SHARED = "../shared is not beside this checkout"


def _own_airflow_home() -> None:
    """Point Airflow at a folder of this process before anything imports it."""
    folder = tempfile.mkdtemp(prefix="fabml-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = folder
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


_own_airflow_home()
os.environ.setdefault("FABML_HOME", str(ROOT / ".local"))


def _missing(reason: str) -> None:
    """Skip with a word; in CI nothing may be skipped for want of a tool or of data."""
    if IN_CI:
        pytest.fail(f"{reason} (CI=true: this may not be skipped)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder ``../shared``: specifications, recordings and data that the project cites."""
    folder = Path(os.environ.get("FABML_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        _missing(NO_SHARED)
    return folder


@pytest.fixture(scope="session")
def node() -> None:
    """Node.js, without which no storage server runs."""
    from airflow_provider_fabml.local.node import REMEDY, find_node

    if find_node() is None:
        _missing(f"Azurite needs Node.js. {REMEDY}")


@pytest.fixture(scope="session")
def azurite(node: None) -> Iterator[Azurite]:
    """A real storage server over http with its own account and key, one a test process."""
    from airflow_provider_fabml.local.azurite import Azurite

    with Azurite() as server:
        yield server


@pytest.fixture(scope="session")
def azurite_tls(node: None) -> Iterator[Azurite]:
    """The same over https with OAuth: it checks a token's audience, issuer and times."""
    from airflow_provider_fabml.local.azurite import Azurite

    with Azurite(tls=True) as server:
        yield server


@pytest.fixture
def azurite_container(azurite: Azurite) -> str:
    """Name of a new, empty container on ``azurite``."""
    from azure.storage.blob import BlobServiceClient

    name = f"test-{uuid.uuid4().hex[:12]}"
    with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        client.create_container(name)
    return name


def _skipped_shared(reporter: pytest.TerminalReporter) -> Counter[str]:
    reasons: Counter[str] = Counter()
    for report in reporter.stats.get("skipped", []):
        if "shared" in report.keywords or NO_SHARED in str(report.longrepr):
            where = report.longrepr
            reasons[where[2] if isinstance(where, tuple) else str(where)] += 1
    return reasons


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests of the shared material did not run, and why."""
    for reason, count in sorted(_skipped_shared(terminalreporter).items()):
        terminalreporter.write_line(f"shared: {count} tests skipped: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test of the shared material fails the run, however it was skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and reporter is not None and _skipped_shared(reporter) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
