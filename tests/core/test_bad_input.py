"""Bad input is refused by one rule with field, value and remedy, and each rule earns its place.

Nothing can have been sent by then: the core, where all these rules stand, imports nothing that could
reach a network, a file or a clock.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil

import bad_input_rows
import pytest
from bad_input_rows.mutation import FOLDER, Guard, guards, without
from bad_input_rows.row import BadInput

from airflow_provider_fabml.core.errors import UsageError

TABLES = [
    importlib.import_module(f"bad_input_rows.{module.name}")
    for module in pkgutil.iter_modules(bad_input_rows.__path__)
    if module.name not in {"row", "mutation"}
]
ROWS = [BadInput(*row) for table in TABLES for row in table.ROWS]
GUARDS = guards()
HARMLESS = {
    *(
        "__future__",
        "ast",
        "collections",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "email.utils",  # reads dates
        "enum",
        "functools",
    ),
    *("hashlib", "heapq", "ipaddress", "itertools", "json", "math", "operator", "re", "typing"),
    *(
        "unicodedata",
        "urllib.parse",
        "fnmatch",
        "base64",
        "binascii",
        "string",
        "textwrap",
        "types",
    ),
}


def refusal(row: BadInput) -> UsageError | None:
    """The refusal of a row, if it is refused at all."""
    try:
        row.call()
    except UsageError as error:
        return error
    except Exception:  # noqa: BLE001 - without its rule a row may break anything further on
        return None
    return None


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.rule}: {row.id}" for row in ROWS])
def test_a_row_is_refused_by_its_own_rule(row: BadInput) -> None:
    """The message names field, value, reason and remedy, and shows no secret."""
    error = refusal(row)
    assert error is not None, "it is not refused"
    row.check(error)


def test_every_rule_has_exactly_one_row() -> None:
    """The table and the core name the same rules, each once; there are well over 60."""
    in_core = [guard.rule for guard in GUARDS]
    assert len(set(in_core)) == len(in_core), "a rule stands at two places"
    assert "?" not in in_core
    assert sorted(row.rule for row in ROWS) == sorted(in_core)
    assert len(ROWS) > 120


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.rule for guard in GUARDS])
def test_removing_a_rule_lets_exactly_its_row_slip_through(guard: Guard) -> None:
    """Every rule is needed for its row, and no other row leans on it."""
    with without(guard):
        held_by = {row.rule: getattr(refusal(row), "rule", None) for row in ROWS}
    slipped = [rule for rule, holder in held_by.items() if holder != rule]
    assert slipped == [guard.rule]


def test_the_core_cannot_send_anything() -> None:
    """Every import of the core is itself, or a module of the standard library without I/O."""
    imported: set[str] = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    foreign = {name for name in imported if not name.startswith("airflow_provider_fabml.core")}
    assert {name.replace("collections.abc", "collections") for name in foreign} <= HARMLESS
