"""Takes one rule out of the running core, to see what it alone holds back.

A rule is an ``if`` whose body raises ``UsageError(rule="…")``. Its function is compiled again from the
source without that ``if``, and its code object swapped in: the function keeps its identity, so every
module and every row that imported it meets the change, and the product needs no hook for it.
"""

from __future__ import annotations

import ast
import importlib
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml import core

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(core.__file__).parent


class Guard(NamedTuple):
    """Where a rule stands: the module, the function, and the line of its ``if``."""

    rule: str
    module: str
    function: str
    line: int


def _file(module: str) -> Path:
    return FOLDER.joinpath(*module.split(".")).with_suffix(".py")


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module of the core."""
    return ast.parse(_file(module).read_text(), module)


def guards() -> list[Guard]:
    """Every refusal in the core. Fails on one that has no name or no ``if`` of its own."""
    found: list[Guard] = []
    for path in sorted(FOLDER.rglob("*.py")):
        module = ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        for function in tree(module).body:
            if isinstance(function, ast.FunctionDef):
                found += _guards_in(module, function)
        raised = sum(_rule_of(node) is not None for node in ast.walk(tree(module)))
        assert raised == sum(g.module == module for g in found), f"a loose refusal in {path}"
    return found


def _guards_in(module: str, function: ast.FunctionDef) -> list[Guard]:
    own = [node for node in ast.walk(function) if isinstance(node, ast.If)]
    return [
        Guard(rule, module, function.name, node.lineno)
        for node in own
        for statement in node.body
        if isinstance(statement, ast.Raise) and (rule := _rule_of(statement.exc)) is not None
    ]


def _rule_of(node: ast.AST | None) -> str | None:
    """The rule of a ``UsageError(...)`` call; "?" for one that is not written out."""
    if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UsageError"):
        return None
    named = next((k.value for k in node.keywords if k.arg == "rule"), None)
    return str(named.value) if isinstance(named, ast.Constant) else "?"


@contextmanager
def without(guard: Guard) -> Iterator[None]:
    """The core without one rule, while the block runs."""
    module = importlib.import_module(f"{core.__name__}.{guard.module}")
    function: FunctionType = getattr(module, guard.function)
    before = function.__code__
    function.__code__ = _mutated(guard)
    try:
        yield
    finally:
        function.__code__ = before


def _mutated(guard: Guard) -> CodeType:
    fresh = ast.parse(_file(guard.module).read_text())
    changed = ast.fix_missing_locations(_Remove(guard.line).visit(fresh))
    compiled = compile(changed, str(_file(guard.module)), "exec")
    return next(
        const
        for const in compiled.co_consts
        if isinstance(const, CodeType) and const.co_name == guard.function
    )


class _Remove(ast.NodeTransformer):
    """Replaces the ``if`` of one line by its ``else``, or by nothing."""

    def __init__(self, line: int) -> None:
        self.line = line

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if node.lineno == self.line:
            return node.orelse or ast.Pass()
        return self.generic_visit(node)
