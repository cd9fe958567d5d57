"""The README's class table and the docstrings say what the classes are."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest
from support.markdown import quoted, read, section, tables

from airflow_provider_fabml.get_provider_info import get_provider_info

INFO = get_provider_info()
POLICY = "airflow_provider_fabml.retry_policies.azure_ml.AzureMLRetryPolicy"
(ROWS,) = tables(section(read("README.md"), "What is in it"))


def load(path: str) -> type:
    """Return the class of a dotted path below the package."""
    module, _, name = path.rpartition(".")
    found: type = getattr(importlib.import_module(f"airflow_provider_fabml.{module}"), name)
    return found


def listed() -> dict[str, str]:
    """Return each class of the table with what its row says of deferring."""
    return {path: row[2] for row in ROWS for path in quoted(row[0])}


def provided() -> set[str]:
    """Return the public classes of the modules and links that Airflow discovers."""
    kinds = ("operators", "sensors", "hooks", "triggers")
    modules = [name for kind in kinds for entry in INFO[kind] for name in entry["python-modules"]]
    found = {
        f"{name}.{key}"
        for name in modules
        for key, value in vars(importlib.import_module(name)).items()
        if inspect.isclass(value) and value.__module__ == name and not key.startswith("_")
    }
    found |= {*INFO["extra-links"], POLICY}  # a provider's metadata has no word for retry policies
    return {path.removeprefix("airflow_provider_fabml.") for path in found}


def parameters(cls: type) -> set[str]:
    """Return what a class's own `__init__` names."""
    signature = inspect.signature(vars(cls)["__init__"]) if "__init__" in vars(cls) else None
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    named = signature.parameters.values() if signature else ()
    return {one.name for one in named if one.kind not in kinds} - {"self"}


def accepted(cls: type) -> set[str]:
    """Return what the class and those it is made from take."""
    return set().union(*(parameters(base) for base in cls.__mro__ if "__init__" in vars(base)))


def documented(cls: type) -> dict[str, str]:
    """Return the `:param name:` entries of a class's docstring."""
    text = inspect.getdoc(cls) or ""
    pattern = r"^:param (\w+): (.*?)(?=^:|^$|\Z)"
    return dict(re.findall(pattern, text, re.MULTILINE | re.DOTALL))


def test_the_table_has_every_class():
    """It lists what Airflow discovers, and besides only the emulator's server."""
    assert set(listed()) == provided() | {"emulator.EmulatorServer"}


@pytest.mark.parametrize("path", sorted(listed()))
def test_a_class_is_where_the_table_says(path):
    """Its path can be imported and it is described."""
    assert inspect.isclass(load(path))
    assert load(path).__doc__


@pytest.mark.parametrize(("path", "word"), sorted(listed().items()))
def test_a_class_defers_as_the_table_says(path, word):
    """`yes` has the parameter and a way to resume, `async twins` has them, the rest neither."""
    cls = load(path)
    twins = {name for name, value in vars(cls).items() if inspect.iscoroutinefunction(value)}
    resumes = "deferrable" in accepted(cls) and callable(getattr(cls, "execute_complete", None))
    assert resumes == (word == "yes")
    if word == "async twins":
        assert twins
        assert all(hasattr(cls, name.removeprefix("a")) for name in twins)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_methods_that_the_table_names_exist(row):
    """Each `method()` in a description belongs to the row's class."""
    named = [word.removesuffix("()") for word in quoted(row[1]) if word.endswith("()")]
    assert [name for name in named if not hasattr(load(quoted(row[0])[0]), name)] == []


@pytest.mark.parametrize("path", sorted(provided()))
def test_every_parameter_is_documented(path):
    """The docstring has each parameter of `__init__`, and none that nothing takes."""
    cls = load(path)
    told = set(documented(cls))
    assert parameters(cls) - told == set()
    assert told - accepted(cls) == set()


@pytest.mark.parametrize("path", sorted(provided()))
def test_templated_parameters_are_marked(path):
    """`(templated)` stands exactly at the fields that Airflow renders."""
    cls = load(path)
    marked = {name for name, text in documented(cls).items() if "(templated)" in text}
    assert marked == set(getattr(cls, "template_fields", ()))


def test_the_link_has_the_name_that_the_documents_use():
    """The button's name is the one on the page of the DAGs."""
    assert f"*{load('links.azure_ml.AzureMLStudioJobLink').name}*" in read("dags/README.md")
