"""Reads the project's Markdown: tables, code blocks, links and plain words."""

from __future__ import annotations

import re
from pathlib import Path

import airflow_provider_fabml

ROOT = Path(__file__).resolve().parents[2]
# In CI the tests lie in a copy without the package, which is the installed wheel.
PACKAGE = Path(airflow_provider_fabml.__file__).parent
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "dags/README.md",
    "docker/README.md",
    "airflow_provider_fabml/emulator/README.md",
    "airflow_provider_fabml/operators/README.md",
)


def place(path: str) -> Path:
    """Return where a path of the checkout lies, the package's files in the installed package."""
    first, _, rest = path.partition("/")
    return PACKAGE / rest if first == PACKAGE.name else ROOT / path


def read(path: str) -> str:
    """Return a document's text."""
    return place(path).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """Return what follows a heading, down to the next of any level."""
    found = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"no heading {heading!r}"
    return found.group(1)


def tables(text: str) -> list[list[list[str]]]:
    """Return each table as rows of cells, without the heading row."""
    found = re.findall(r"(?:^\|.*\|\n?)+", without_code(text), re.MULTILINE)
    return [[_cells(line) for line in table.splitlines()[2:]] for table in found]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def quoted(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def code_blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def without_code(text: str) -> str:
    """Return the text without fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """Return the targets of links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", without_code(text))


def words(text: str) -> list[str]:
    """Return the words outside code blocks, tables, pictures' and links' addresses."""
    prose = re.sub(r"^\|.*\|$", "", without_code(text), flags=re.MULTILINE)
    return re.findall(r"[^\W_][\w'.-]*", re.sub(r"\]\([^)]*\)", "]", prose))
