"""What Airflow discovers about the provider, by Airflow's own schema, manager and interface."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
from airflow.sdk.module_loading import import_string

from airflow_provider_fabml.get_provider_info import get_provider_info

TYPES = {
    "azure_ml": "airflow_provider_fabml.hooks.azure_ml.AzureMLBatchHook",
    "onelake": "airflow_provider_fabml.hooks.onelake.OneLakeStorageHook",
}
# What the manager knows once it has listed connection types, asked in a process of its own: it keeps
# what it finds, and other tests have imported our hooks already.
DISCOVERED = """
import json, sys
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
manager.initialize_providers_list()
info = manager.providers["airflow-provider-fabml"]
manager.initialize_providers_hooks()
ours = ("azure_ml", "onelake")
listed = sorted(name for name in manager._hooks_lazy_dict if name in ours)
imported = sorted(n for n in sys.modules if n.startswith("airflow_provider_fabml.hooks."))
fields = {
    name: sorted(key.rsplit("__", 1)[-1] for key in manager._connection_form_widgets
                 if key.startswith(f"extra__{name}__"))
    for name in ours
}
behaviours = {name: manager._field_behaviours.get(name) for name in ours}
print("FOUND" + json.dumps([info.version, listed, imported, fields, behaviours]))
"""


@pytest.fixture(scope="module")
def info() -> dict[str, Any]:
    """The metadata."""
    return get_provider_info()


@pytest.fixture(scope="module")
def found() -> list[Any]:
    """Version, connection types, imported hook modules, fields and behaviours as Airflow has them."""
    done = subprocess.run(
        [sys.executable, "-c", DISCOVERED],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer: list[Any] = json.loads(done.stdout.partition("FOUND")[2])
    return answer


@pytest.mark.parametrize("schema", ["provider_info.schema.json", "provider.yaml.schema.json"])
def test_it_keeps_to_airflows_schemas(info: dict[str, Any], schema: str) -> None:
    """The runtime schema, and the parts of the richer one that describe what we have."""
    file = importlib.resources.files("airflow") / schema
    rules = json.loads(file.read_text(encoding="utf-8"))
    if schema.startswith("provider.yaml"):
        rules = {**rules, "required": []}  # files of Airflow's own repository
        known = set(rules["properties"])
        assert set(info) - known <= {"extra-links"}, "a key that Airflow does not know"
    jsonschema.validate(info, rules)


def test_the_entry_point_is_ours(info: dict[str, Any]) -> None:
    """The installed distribution names the function, and both agree on the package's name."""
    points = importlib.metadata.entry_points(group="apache_airflow_provider")
    ours = [p for p in points if p.dist is not None and p.dist.name == info["package-name"]]
    assert [p.load() for p in ours] == [get_provider_info]


def test_every_named_module_and_class_is_there(info: dict[str, Any]) -> None:
    """Operators, sensors, hooks, triggers and links can be imported by the names given."""
    for kind in ("operators", "sensors", "hooks", "triggers"):
        names = {one["integration-name"] for one in info["integrations"]}
        for entry in info[kind]:
            assert entry["integration-name"] in names
            for module in entry["python-modules"]:
                importlib.import_module(module)
    for link in info["extra-links"]:
        import_string(link)


def test_the_hooks_fit_their_connection_types(info: dict[str, Any]) -> None:
    """Type, name and default id of each hook class agree with the metadata."""
    forms = {form["connection-type"]: form for form in info["connection-types"]}
    assert {name: form["hook-class-name"] for name, form in forms.items()} == TYPES
    for name, form in forms.items():
        hook = import_string(form["hook-class-name"])
        assert (hook.conn_type, hook.hook_name) == (name, form["hook-name"])
        assert hook.default_conn_name == f"{name}_default"
        assert callable(hook.test_connection)


def test_the_operators_link_is_registered(info: dict[str, Any]) -> None:
    """Airflow rebuilds a DAG's links from the registered classes only."""
    from airflow_provider_fabml.operators.azure_ml import AzureMLInvokeBatchEndpointOperator
    from airflow_provider_fabml.sensors.azure_ml import AzureMLBatchJobSensor

    for operator in (AzureMLInvokeBatchEndpointOperator, AzureMLBatchJobSensor):
        for link in operator.operator_extra_links:
            cls = type(link)
            assert f"{cls.__module__}.{cls.__qualname__}" in info["extra-links"]


def test_airflow_lists_both_types_without_our_hooks(found: list[Any]) -> None:
    """The connection types come from metadata: no hook module is imported for the list."""
    version, listed, imported, *_ = found
    assert version == importlib.metadata.version("airflow-provider-fabml")
    assert listed == ["azure_ml", "onelake"]
    assert not set(imported) & {cls.rpartition(".")[0] for cls in TYPES.values()}


@pytest.mark.parametrize("name", TYPES)
def test_airflow_has_every_field_of_the_form(
    found: list[Any], info: dict[str, Any], name: str
) -> None:
    """The form's fields and labels arrive in Airflow as they stand in the metadata."""
    form = next(f for f in info["connection-types"] if f["connection-type"] == name)
    *_, fields, behaviours = found
    assert fields[name] == sorted(form["conn-fields"])
    for key, value in form["ui-field-behaviour"]["relabeling"].items():
        assert behaviours[name]["relabeling"][key] == value


@pytest.mark.parametrize("name", TYPES)
def test_secret_fields_are_masked_in_the_form(info: dict[str, Any], name: str) -> None:
    """Whatever is a secret has the format that makes the UI hide it."""
    form = next(f for f in info["connection-types"] if f["connection-type"] == name)
    words = ("secret", "password", "certificate_data", "key", "sas", "connection_string")
    for field, rules in form["conn-fields"].items():
        secret = any(word in field for word in words)
        assert (rules["schema"].get("format") == "password") is secret, field
