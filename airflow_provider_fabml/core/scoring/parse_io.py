"""A caller's ``inputs`` and ``outputs`` become typed values, or are refused before any request.

Accepted for each name: a typed value (``UriFolder`` …) or the dictionary of Fabric's
activity and of the REST body, whose keys are matched case-insensitively as the service does
(``{"JobInputType": "UriFolder", "Uri": "azureml://…"}``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, cast

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.scoring.job_io import (
    DATA_TYPES,
    LITERAL,
    MODES,
    DataInput,
    JobInput,
    JobOutput,
    LiteralInput,
)
from airflow_provider_fabml.core.storage.uri import DatastoreUri, parse_uri

# Component input and output names are Python identifiers (azure-ai-ml, pipeline component schema).
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TYPES = ", ".join([*DATA_TYPES, f"{LITERAL} (LiteralInput in Python)"])


def parse_inputs(inputs: object) -> dict[str, JobInput]:
    """Typed inputs by name. Raises ``UsageError`` naming the first value that cannot work."""
    named = _named_values("inputs", inputs)
    return {name: _parse_input(f"inputs[{name!r}]", value) for name, value in named.items()}


def parse_outputs(outputs: object) -> dict[str, JobOutput]:
    """Typed outputs by name; ``uri`` stays empty where the output is to be placed below a root."""
    named = _named_values("outputs", outputs)
    parsed = {name: _parse_output(f"outputs[{name!r}]", value) for name, value in named.items()}
    _refuse_shared_place(parsed)
    return parsed


def parse_output_root(root: object) -> DatastoreUri:
    """The datastore folder below which outputs are placed."""
    if not isinstance(root, str) or not root.strip():
        raise UsageError(
            rule="output-root-not-text",
            field="output_root",
            value=root,
            reason="it is not the URI of a folder",
            remedy="write azureml://datastores/<datastore>/paths/<folder>",
        )
    uri = parse_uri(root, field="output_root")
    if not isinstance(uri, DatastoreUri):
        raise UsageError(
            rule="output-root-not-on-datastore",
            field="output_root",
            value=root,
            reason="batch endpoints write only to paths on a registered datastore",
            remedy="write azureml://datastores/<datastore>/paths/<folder>",
        )
    return uri


def _named_values(field: str, values: object) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise UsageError(
            rule="io-not-a-mapping",
            field=field,
            value=values,
            reason=f"{field} map names to values",
            remedy=f'write {field}={{"heart": UriFolder("azureml://…")}}',
        )
    for name in values:
        _check_name(field, name)
    return dict(values)


def _check_name(field: str, name: object) -> None:
    if name == "None":
        raise UsageError(
            rule="io-name-none",
            field=field,
            value=name,
            reason="Jinja renders a missing value as the text 'None'",
            remedy="check the template that makes the name",
        )
    if not isinstance(name, str) or not _NAME.match(name):
        raise UsageError(
            rule="io-name-form",
            field=field,
            value=name,
            reason="a name is letters, digits and underscores, and does not begin with a digit",
            remedy="rename it as the deployment's component names it",
        )


def _parse_input(field: str, value: object) -> JobInput:
    typed = _typed(field, value, "jobinputtype")
    if isinstance(typed, LiteralInput):
        return _check_literal(field, typed)
    _check_data(field, typed)
    if not typed.uri:
        raise UsageError(
            rule="input-uri-missing",
            field=f"{field}.uri",
            value=typed.uri,
            reason="a data input says where the data lies",
            remedy='give its place: UriFolder("azureml://datastores/<datastore>/paths/<folder>")',
        )
    parse_uri(typed.uri, field=f"{field}.uri", web=True)
    return typed


def _parse_output(field: str, value: object) -> JobOutput:
    typed = _typed(field, value, "joboutputtype")
    if isinstance(typed, LiteralInput):
        raise UsageError(
            rule="output-literal",
            field=field,
            value=value,
            reason="an output is a file or a folder, never a Literal",
            remedy="use UriFile or UriFolder",
        )
    _check_data(field, typed)
    if typed.uri and not isinstance(parse_uri(typed.uri, field=f"{field}.uri"), DatastoreUri):
        raise UsageError(
            rule="output-not-on-datastore",
            field=f"{field}.uri",
            value=typed.uri,
            reason="batch endpoints write only to paths on a registered datastore",
            remedy="write azureml://datastores/<datastore>/paths/<path>",
        )
    return typed


def _typed(field: str, value: object, type_key: str) -> JobInput:
    if isinstance(value, (*DATA_TYPES.values(), LiteralInput)):
        return cast("JobInput", value)
    if isinstance(value, (list, tuple)):
        raise UsageError(
            rule="io-type-lost",
            field=field,
            value=value,
            reason="a typed value that goes through an XCom comes out as a bare list",
            remedy='return {"JobInputType": "UriFolder", "Uri": "azureml://…"} from the upstream task',
        )
    if not isinstance(value, Mapping):
        raise UsageError(
            rule="io-not-typed",
            field=field,
            value=value,
            reason="its type is not stated",
            remedy=f"wrap it in one of {_TYPES}, or write Fabric's JobInputType/JobOutputType form",
        )
    return _from_mapping(field, value, type_key)


def _from_mapping(field: str, value: Mapping[Any, Any], type_key: str) -> JobInput:
    given = _fold_keys(field, value, {type_key, "uri", "mode", "value"})
    kind = given.pop(type_key, None)
    if kind is None:
        raise UsageError(
            rule="io-type-missing",
            field=field,
            value=dict(value),
            reason="it names no JobInputType or JobOutputType",
            remedy=f"add one of {_TYPES}",
        )
    by_name = {name.casefold(): cls for name, cls in DATA_TYPES.items()}
    cls = by_name.get(str(kind).casefold())
    if cls is None and str(kind).casefold() != LITERAL.casefold():
        raise UsageError(
            rule="io-type-unknown",
            field=field,
            value=kind,
            reason="the service knows no such type",
            remedy=f"use one of {_TYPES}",
        )
    return _build_literal(field, given) if cls is None else _build_data(field, cls, given)


def _fold_keys(field: str, value: Mapping[Any, Any], known: set[str]) -> dict[str, Any]:
    folded: dict[str, Any] = {}
    for key, item in value.items():
        short = str(key).casefold()
        if short not in known:
            raise UsageError(
                rule="io-property-unknown",
                field=f"{field}[{key!r}]",
                value=key,  # what stands under a name nobody knows may be a secret
                reason="no input or output has such a property",
                remedy="use JobInputType or JobOutputType with Uri (and Mode), or with Value",
            )
        if short in folded:
            raise UsageError(
                rule="io-property-twice",
                field=f"{field}[{key!r}]",
                value=item,
                reason="the property is given twice in two spellings",
                remedy="keep one of them",
            )
        folded[short] = item
    return folded


def _build_literal(field: str, given: dict[str, Any]) -> LiteralInput:
    if "uri" in given or "mode" in given:
        raise UsageError(
            rule="literal-with-uri",
            field=field,
            value=given,
            reason="a Literal has a Value, no Uri and no Mode",
            remedy="replace Uri by Value, or choose UriFolder or UriFile",
        )
    return LiteralInput(given.get("value"))


def _build_data(field: str, cls: type[Any], given: dict[str, Any]) -> DataInput:
    if "value" in given:
        raise UsageError(
            rule="data-with-value",
            field=field,
            value=given,
            reason="only a Literal has a Value",
            remedy="replace Value by Uri, or choose the type Literal",
        )
    return cast("DataInput", cls(given.get("uri", ""), given.get("mode")))


def _check_literal(field: str, literal: LiteralInput) -> LiteralInput:
    if literal.value is None:
        raise UsageError(
            rule="literal-without-value",
            field=f"{field}.value",
            value=None,
            reason="a Literal hands a value to the pipeline component",
            remedy="give the value, or leave the input out so that the component's default holds",
        )
    if not isinstance(literal.value, (str, int, float, bool)):
        raise UsageError(
            rule="literal-not-scalar",
            field=f"{field}.value",
            value=literal.value,
            reason="the service takes a string, a number or a boolean",
            remedy="hand structured values over as a JSON string or as a file",
        )
    if isinstance(literal.value, float) and not math.isfinite(literal.value):
        raise UsageError(
            rule="literal-not-finite",
            field=f"{field}.value",
            value=literal.value,
            reason="JSON has no such number",
            remedy="hand it over as text, or leave the input out",
        )
    return literal


def _check_data(field: str, data: DataInput) -> None:
    if not isinstance(data.uri, str):
        raise UsageError(
            rule="io-uri-not-text",
            field=f"{field}.uri",
            value=data.uri,
            reason="a URI is text",
            remedy="hand over the URI as a string",
        )
    if data.mode is not None and not (isinstance(data.mode, str) and data.mode in MODES):
        raise UsageError(
            rule="io-mode-unknown",
            field=f"{field}.mode",
            value=data.mode,
            reason="the service knows no such delivery mode",
            remedy=f"use one of {', '.join(sorted(MODES))}, or leave it out",
        )


def _refuse_shared_place(outputs: dict[str, JobOutput]) -> None:
    placed = [output.uri.rstrip("/") for output in outputs.values() if output.uri]
    if len(set(placed)) < len(placed):
        raise UsageError(
            rule="outputs-share-a-place",
            field="outputs",
            value=placed,
            reason="two outputs write to the same URI",
            remedy="give each output a path of its own",
        )
