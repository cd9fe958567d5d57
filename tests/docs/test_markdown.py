"""What every document of the project has in common: its links, commands and size."""

from __future__ import annotations

import posixpath
import re
import shlex
import subprocess
import tomllib

import pytest
from support.markdown import DOCUMENTS, ROOT, code_blocks, links, place, read, section, words

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
PNG = b"\x89PNG\r\n\x1a\n"


def slug(heading: str) -> str:
    """Return the anchor that a heading gets on code hosts."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Return the anchors of a document."""
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_within_the_project_lead_somewhere(document):
    """Each relative link names a file, and each anchor a heading."""
    text = read(document)
    local = [target for target in links(text) if "://" not in target]
    folder = document.rpartition("/")[0]
    for target in local:
        path, _, anchor = target.partition("#")
        file = place(posixpath.normpath(posixpath.join(folder, path))) if path else place(document)
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document):
    """Each `make X` that a document names is a target that `make help` lists."""
    named = re.findall(r"(?:`|^|    )make ([a-z][a-z-]*)", read(document), re.MULTILINE)
    assert set(named) <= TARGETS


def test_the_readme_names_the_commands_a_newcomer_needs():
    """Its first commands are the two that need nothing else; how to leave it running follows."""
    (commands,) = code_blocks(section(read("README.md"), "Try it"), "bash")
    assert commands.split("\n")[:2] == ["make demo", "make test"]
    assert {"make up", "make down"} <= set(re.findall(r"`(make \w+)`", read("README.md")))


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_make_can_do_each_target(target):
    """Make finds everything that a target needs (nothing is run)."""
    asked = ["make", "--dry-run", "--no-print-directory", target]
    answer = subprocess.run(asked, check=False, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def airflow_commands() -> list[str]:
    """Return the `airflow ...` commands that the documents show."""
    texts = [read(name) for name in DOCUMENTS]
    return sorted({found for text in texts for found in re.findall(r"`(airflow [^`]+)`", text)})


@pytest.mark.parametrize("command", airflow_commands())
def test_airflow_understands_its_commands(command):
    """Airflow's own parser takes each command as written; of one without options, its help."""
    from airflow.cli.cli_parser import get_parser

    _, *arguments = shlex.split(command)
    if "--" in command:
        assert get_parser().parse_args(arguments).subcommand == arguments[1]
        return
    with pytest.raises(SystemExit) as asked:
        get_parser().parse_args([*arguments, "--help"])
    assert asked.value.code == 0


def test_airflow_commands_are_found():
    """The test above has something to test."""
    assert {command.split()[1] for command in airflow_commands()} == {
        "backfill",
        "dags",
        "triggerer",
    }


def test_what_pip_installs_is_this_project():
    """Package name and extras in `pip install` are the project's own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        found
        for name in DOCUMENTS
        for found in re.findall(r"pip install '?(airflow[\w-]+)(?:\[(\w+)\])?", read(name))
    ]
    assert {name for name, _ in asked} == {project["name"]}
    assert {extra for _, extra in asked if extra} <= set(project["optional-dependencies"])


def test_the_readme_is_read_in_minutes():
    """It has fewer than 900 words outside code and tables."""
    assert len(words(read("README.md"))) < 900


def test_the_readme_begins_with_a_sentence_a_picture_and_five_benefits():
    """A newcomer sees on the first screen what it is and why to want it."""
    opening = read("README.md").partition("\n## ")[0]
    lines = [line for line in opening.splitlines() if line]
    assert re.fullmatch(r"\*\*[^*]+\.\*\*", lines[1])
    assert re.fullmatch(r"!\[[^\]]+\]\(dags/pictures/\w+\.png\)", lines[2])
    assert len(re.findall(r"^- \*\*", opening, re.MULTILINE)) == 5


def pictures() -> list[str]:
    """Return the pictures below dags/."""
    return sorted(str(file.relative_to(ROOT)) for file in (ROOT / "dags/pictures").iterdir())


def test_pictures_are_shown_and_small():
    """Each picture is a PNG of at most 300 kB that a document shows, wide enough to be read."""
    shown = {target for target in links(read("README.md")) if target.endswith(".png")}
    shown |= {f"dags/{target}" for target in links(read("dags/README.md")) if "pictures/" in target}
    assert set(pictures()) == shown
    for picture in pictures():
        content = (ROOT / picture).read_bytes()
        assert content.startswith(PNG)
        assert len(content) < 300_000
        assert int.from_bytes(content[16:20]) >= 1200  # width, PNG specification §11.2.1
