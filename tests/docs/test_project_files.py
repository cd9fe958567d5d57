"""CHANGELOG, CONTRIBUTING and the DAGs' page keep up with what is there."""

from __future__ import annotations

import re
import tomllib

from support.markdown import PACKAGE, ROOT, links, quoted, read, section, tables

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = section(read("CONTRIBUTING.md"), "Rooms")


def folders(place) -> set[str]:
    """Return the folders that hold files of ours."""
    return {one.name for one in place.iterdir() if one.is_dir() and one.name not in {"__pycache__"}}


def test_the_changelog_has_the_version():
    """What the version brings stands under its own heading, or under Unreleased before it."""
    headings = re.findall(r"^## \[([^\]]+)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] in {"Unreleased", PYPROJECT["project"]["version"]}
    assert re.findall(r"^- ", section(read("CHANGELOG.md"), "Added"), re.MULTILINE)


def test_the_package_knows_its_version():
    """`__version__` is pyproject's."""
    import airflow_provider_fabml

    assert airflow_provider_fabml.__version__ == PYPROJECT["project"]["version"]


def test_each_room_of_the_package_is_described():
    """CONTRIBUTING names every folder of the package and of its core, and no other."""
    inside = re.search(r"airflow_provider_fabml/\n(.*?)\n    dags/", ROOMS, re.DOTALL)
    assert inside is not None
    rooms = re.findall(r"(?:^ {6}|\w {2,})(\w+)/", inside.group(1), re.MULTILINE)
    assert sorted(rooms) == sorted(folders(PACKAGE))
    within = re.findall(r"^ {8}(\w+)/", inside.group(1), re.MULTILINE)
    assert sorted(within) == sorted(folders(PACKAGE / "core"))


def test_each_room_of_the_tests_is_described():
    """The tests' folders are the package's rooms and those that CONTRIBUTING adds."""
    added = re.search(r"plus ([^)]+)\)", ROOMS)
    assert added is not None
    named = set(re.findall(r"(\w+)/", added.group(1)))
    extra = folders(ROOT / "tests") - folders(PACKAGE)
    assert extra == named


def test_files_that_contributing_names_exist():
    """Each path in backticks is there, seen from the root or from the package."""
    named = [
        one for one in quoted(read("CONTRIBUTING.md")) if re.fullmatch(r"[\w.]*\w/[\w./]*", one)
    ]
    assert named
    assert [
        one for one in named if not (ROOT / one).exists() and not (PACKAGE / one).exists()
    ] == []


def test_imports_point_the_way_contributing_says():
    """Its line of layers is the one import-linter holds."""
    line = re.search(r"`(operators[^`]+)`", ROOMS)
    assert line is not None
    told = [set(re.split(r",\s*", layer.strip())) for layer in line.group(1).split("→")]
    contract = PYPROJECT["tool"]["importlinter"]["contracts"][0]
    held = [set(layer.split(" | ")) for layer in contract["layers"] if not layer.startswith("(")]
    assert told == held


def test_the_page_of_the_dags_lists_each_file():
    """Its table has every DAG file, linked, and no other."""
    rows, *_ = tables(read("dags/README.md"))
    listed = sorted(name for row in rows for name in links(row[0]))
    assert listed == sorted(file.name for file in (ROOT / "dags").glob("*.py"))


def test_the_page_of_the_dags_names_the_outputs_path():
    """Where it says that predictions lie, the operator puts them."""
    from airflow_provider_fabml import UriFolder
    from airflow_provider_fabml.core.scoring.invocation import parse_invocation, place_outputs
    from airflow_provider_fabml.core.scoring.run_identity import RunIdentity, attempt_folder

    invocation = parse_invocation(
        endpoint_name="heart",
        inputs={"heart": UriFolder("azureml://datastores/lake/paths/in")},
        output_root="azureml://datastores/lake/paths/endpoints",
    )
    folder = attempt_folder(RunIdentity("score_daily_with_sensor", "RUN", "score"), "1-3f9c2a7b")
    (placed,) = place_outputs(invocation, "model", folder, "1-3f9c2a7b").values()
    told = re.findall(r"-> (endpoints/\S+)", read("dags/README.md"))
    assert told
    assert {path.replace("<run>", "RUN") for path in told} == {placed.uri.partition("/paths/")[2]}
