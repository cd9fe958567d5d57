"""Importing what a DAG file imports brings in no Azure SDK, no emulator and no pandas."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PACKAGE = "airflow_provider_fabml"
DAG_FILE = (
    f"from {PACKAGE} import UriFolder, UriFile, LiteralInput",
    f"import {PACKAGE}.operators.azure_ml",
    f"import {PACKAGE}.sensors.azure_ml, {PACKAGE}.sensors.onelake",
    f"import {PACKAGE}.hooks.azure_ml, {PACKAGE}.hooks.onelake, {PACKAGE}.hooks.data_checks",
    f"import {PACKAGE}.triggers.azure_ml, {PACKAGE}.triggers.onelake",
    f"import {PACKAGE}.links.azure_ml",
)
BASE = ("import airflow.sdk", "import airflow.triggers.base")
HEAVY = (
    "azure",
    "msal",
    "requests",
    "aiohttp",
    "pandas",
    "numpy",
    "sklearn",
    "cryptography",
    f"{PACKAGE}.emulator",
    f"{PACKAGE}.local",
)
# How many modules of ours a DAG file may bring in; a new one that is needed raises it.
MOST_OF_OURS, MOST_OF_OTHERS = 80, 5


def added(before: tuple[str, ...], code: tuple[str, ...]) -> list[str]:
    """The modules that `code` adds to those of `before`, in a new interpreter."""
    script = "\n".join(
        [
            "import json, sys",
            *before,
            "seen = set(sys.modules)",
            *code,
            "print('MODULES' + json.dumps(sorted(set(sys.modules) - seen)))",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    modules: list[str] = json.loads(done.stdout.partition("MODULES")[2])
    return modules


def is_heavy(module: str) -> bool:
    """Whether a module belongs to what must not be loaded."""
    return any(module == name or module.startswith(f"{name}.") for name in HEAVY)


@pytest.fixture(scope="module")
def modules() -> list[str]:
    """What a DAG file with everything of ours adds to a bare one."""
    return added(BASE, DAG_FILE)


def test_no_sdk_is_imported(modules: list[str]) -> None:
    """No module of azure, no HTTP library, no data library, nothing of emulator or local stack."""
    assert [module for module in modules if is_heavy(module)] == []


def test_few_modules_are_imported(modules: list[str]) -> None:
    """Our own modules, and nearly nothing that Airflow has not loaded already."""
    ours = [module for module in modules if module.split(".")[0] == PACKAGE]
    others = sorted(set(modules) - set(ours))
    print(f"{len(ours)} modules of ours, {len(others)} others: {others}")
    assert 20 < len(ours) <= MOST_OF_OURS
    assert len(others) <= MOST_OF_OTHERS, others


def test_the_values_of_a_dag_need_the_standard_library_only() -> None:
    """`from airflow_provider_fabml import UriFolder` works without Airflow, and costs next to nothing."""
    modules = added((), (f"from {PACKAGE} import UriFolder, UriFile, LiteralInput",))
    foreign = {m.split(".")[0] for m in modules} - set(sys.stdlib_module_names) - {PACKAGE}
    assert foreign == set()
    assert sum(m.split(".")[0] == PACKAGE for m in modules) <= 4


def test_the_provider_metadata_imports_no_hook() -> None:
    """Airflow reads it in every component, so it brings in neither Airflow's SDK nor our hooks."""
    modules = added((), (f"from {PACKAGE}.get_provider_info import get_provider_info as g; g()",))
    roots = {module.split(".")[0] for module in modules}
    assert "airflow" not in roots
    assert not [m for m in modules if m.endswith(("hooks.azure_ml", "hooks.onelake"))]


def test_the_check_can_fail() -> None:
    """A module that does load the SDK is seen."""
    modules = added(BASE, (f"import {PACKAGE}.clients.retry",))
    assert any(is_heavy(module) for module in modules)
