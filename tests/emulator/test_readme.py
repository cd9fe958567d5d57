"""The README keeps up with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_fabml.emulator import cli, fabric, workspace
from airflow_provider_fabml.emulator.faults import KINDS, Fault, Program
from airflow_provider_fabml.emulator.routes import control
from airflow_provider_fabml.emulator.switches import Switches

README = (Path(cli.__file__).parent / "README.md").read_text(encoding="utf-8")
SWITCHES = README.partition("## Switches")[2].partition("\n## ")[0]
FAULTS = README.partition("## Faults")[2].partition("\n## ")[0]
FILE_KEYS = README.partition("## Workspace file")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", list(Switches.model_fields))
def test_every_switch_is_in_the_table_with_its_default(name):
    """The row of a switch shows the default in bold."""
    row = next(line for line in SWITCHES.splitlines() if f"`{name}`" in line.split("|")[:2][-1])
    default = Switches.model_fields[name].default
    shown = str(default).lower() if isinstance(default, bool) else f"{default}".removesuffix(".0")
    assert re.search(rf"\*\*`?{re.escape(shown)}`?\*\*", row)


def test_every_kind_of_fault_is_in_the_table_with_its_place_in_the_mix():
    """Each kind has a row, which says whether a seed draws it unless told otherwise."""
    mixed = {}
    for line in FAULTS.splitlines():
        if line.endswith(("| yes |", "| no |")):
            mixed |= dict.fromkeys(re.findall(r"`(\w+)`", line.split("|")[1]), "| yes |" in line)
    by_number = {name for name in KINDS if name[:3] in {"502", "503", "504"}}  # told in one row
    assert mixed == {name: kind.mixed for name, kind in KINDS.items() if name not in by_number}


@pytest.mark.parametrize("model", [Fault, Program])
def test_every_field_of_faults_and_seeds_is_documented(model):
    """Each field stands in the section on faults."""
    assert [name for name in model.model_fields if f"`{name}" not in FAULTS] == []


def test_every_option_is_documented():
    """Each command line option stands in the README."""
    options = [action.option_strings[0] for action in cli.parser()._actions]
    assert [option for option in options if option != "-h" and option not in README] == []


def documented_routes() -> set[tuple[str, str]]:
    """Return method and path of every row of the control API's table."""
    found: set[tuple[str, str]] = set()
    table = README.partition("## Control API")[2].partition("\n## ")[0]
    for line in table.splitlines():
        methods: list[str] = []
        for method, path in re.findall(
            r"`([A-Z]+) ?(/[^ `]*)?", line.split("|")[1] if "|" in line else ""
        ):
            methods.append(method)
            if path:
                found |= {(one, path) for one in methods}
                methods = []
    return found


def test_the_control_api_is_documented_as_it_is():
    """The table has every route and no other."""
    routes = {(method, path.replace("{job}", "{name}")) for method, path, _ in control._ACTIONS}
    assert documented_routes() == routes


@pytest.mark.parametrize(
    "model",
    [
        workspace.Workspace,
        workspace.ModelDeployment,
        workspace.PipelineDeployment,
        fabric.FabricItem,
        fabric.Shortcut,
    ],
)
def test_every_key_of_the_workspace_file_is_documented(model):
    """Each key stands in the section on the file."""
    assert [name for name in model.model_fields if f"`{name}" not in FILE_KEYS] == []
