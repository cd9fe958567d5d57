"""One invocation of a batch endpoint: parsed, checked against the deployment's kind, put on the wire.

The rules of each kind are Microsoft's ("Understanding inputs and outputs in batch endpoints"; the
refusal of a folder output by model deployments: azure-docs#118447).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.scoring.job_io import (
    JobInput,
    JobOutput,
    LiteralInput,
    UriFile,
    input_to_wire,
    output_to_wire,
    type_name,
)
from airflow_provider_fabml.core.scoring.parse_io import (
    parse_inputs,
    parse_output_root,
    parse_outputs,
)
from airflow_provider_fabml.core.scoring.parse_settings import parse_settings
from airflow_provider_fabml.core.scoring.settings import MODEL, PIPELINE, settings_to_wire

if TYPE_CHECKING:
    from airflow_provider_fabml.core.storage.uri import DatastoreUri

# Resource names: azure-ai-ml's own pattern, 3 to 32 characters ("Manage and increase quotas").
_RESOURCE = re.compile(r"[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?\Z")
DEFAULT_FILE_NAME = "predictions.csv"
KINDS = (MODEL, PIPELINE)


class Invocation(NamedTuple):
    """What the caller wants scored, by whom, and where the result shall lie.

    ``outputs`` whose ``uri`` is empty are placed below ``output_root``.
    """

    endpoint_name: str
    deployment_name: str | None
    inputs: dict[str, JobInput]
    outputs: dict[str, JobOutput]
    output_root: DatastoreUri | None
    settings: dict[str, Any]

    @property
    def own_place(self) -> bool:
        """Whether no other job can have the same outputs: each is placed by us, or tells the attempt."""
        return all(not output.uri or "{attempt}" in output.uri for output in self.outputs.values())


def parse_invocation(
    *,
    endpoint_name: object,
    deployment_name: object = None,
    inputs: object = None,
    outputs: object = None,
    output_root: object = None,
    job_settings: object = None,
) -> Invocation:
    """Everything that can be checked without asking the service. Raises ``UsageError``."""
    if not outputs and output_root is None:
        raise UsageError(
            rule="output-place-missing",
            field="output_root",
            value=None,
            reason="a result without a place of its own can neither be found nor kept apart",
            remedy='give output_root="azureml://datastores/<datastore>/paths/<folder>", or outputs',
        )
    parsed_outputs = parse_outputs({} if outputs is None else outputs)
    unplaced = [name for name, output in parsed_outputs.items() if not output.uri]
    if unplaced and output_root is None:
        raise UsageError(
            rule="output-uri-missing",
            field=f"outputs[{unplaced[0]!r}].uri",
            value="",
            reason="the output has no URI and there is no output_root to place it below",
            remedy="give the output's URI, or an output_root",
        )
    return Invocation(
        endpoint_name=parse_endpoint_name(endpoint_name),
        deployment_name=_deployment_name(deployment_name),
        inputs=parse_inputs({} if inputs is None else inputs),
        outputs=parsed_outputs,
        output_root=None if output_root is None else parse_output_root(output_root),
        settings=parse_settings(job_settings),
    )


def parse_endpoint_name(name: object) -> str:
    """Give an endpoint's name. Raises ``UsageError``: rules ``endpoint-name-*``."""
    if not isinstance(name, str) or not name or name == "None":
        raise UsageError(
            rule="endpoint-name-missing",
            field="endpoint_name",
            value=name,
            reason="no endpoint is named",
            remedy="give the name of the batch endpoint, e.g. heart-classifier",
        )
    if not _RESOURCE.match(name) or not 3 <= len(name) <= 32:
        raise UsageError(
            rule="endpoint-name-form",
            field="endpoint_name",
            value=name,
            reason="an endpoint's name has 3 to 32 letters, digits and dashes, a letter first",
            remedy="give the endpoint's name, not its URL",
        )
    return name


def _deployment_name(name: object) -> str | None:
    if name is None or name == "":
        return None
    if name == "None":
        raise UsageError(
            rule="deployment-name-none",
            field="deployment_name",
            value=name,
            reason="Jinja renders a missing value as the text 'None'",
            remedy="check the template, or leave the name out for the endpoint's default",
        )
    if not isinstance(name, str) or not _RESOURCE.match(name) or not 3 <= len(name) <= 32:
        raise UsageError(
            rule="deployment-name-form",
            field="deployment_name",
            value=name,
            reason="a deployment's name has 3 to 32 letters, digits and dashes, a letter first",
            remedy="give the deployment's name, or leave it out for the endpoint's default",
        )
    return name


def place_outputs(
    invocation: Invocation, kind: str, folder: str, attempt: str, map_index: int = -1
) -> dict[str, JobOutput]:
    """The outputs with their final URIs: unique by construction below ``output_root`` (D3).

    ``folder`` is the attempt's own folder (``attempt_folder``). An explicit URI is
    taken as written; in it ``{attempt}`` becomes the attempt's name (``attempt_name``) and
    ``{map_index}`` its number.
    """
    outputs = invocation.outputs
    if not outputs and kind == MODEL:
        outputs = {"score": UriFile()}
    file_name = invocation.settings.get("OutputFileName", DEFAULT_FILE_NAME)
    placed: dict[str, JobOutput] = {}
    for name, output in outputs.items():
        if output.uri:
            uri = output.uri.replace("{attempt}", attempt)
            uri = uri.replace("{map_index}", str(map_index))
        else:
            leaf = file_name if kind == MODEL else name
            uri = f"{str(invocation.output_root).rstrip('/')}/{folder}/{leaf}"
        placed[name] = output._replace(uri=uri)
    return placed


def shown_inputs(invocation: Invocation) -> dict[str, Any]:
    """The inputs as plain JSON: ``{"type": "UriFolder", "uri": …}``, literals with ``value``."""
    return {
        name: {"type": type_name(given), "value": given.value}
        if isinstance(given, LiteralInput)
        else {"type": type_name(given), "uri": given.uri}
        for name, given in invocation.inputs.items()
    }


def shown_outputs(outputs: Mapping[str, JobOutput]) -> dict[str, Any]:
    """The placed outputs as plain JSON: ``{"score": {"type": "UriFile", "uri": "azureml://…"}}``."""
    return {n: {"type": type_name(output), "uri": output.uri} for n, output in outputs.items()}


def request_body(
    invocation: Invocation,
    outputs: Mapping[str, JobOutput],
    *,
    tags: Mapping[str, str],
    description: str | None,
) -> dict[str, Any]:
    """The JSON body of the job-creating POST, keys in the SDK's spelling.

    ``tags`` and ``description`` are best effort: the specification has them as writable, no recording
    shows them stored. The caller's own win.
    """
    properties: dict[str, Any] = {}
    if invocation.inputs:
        properties["inputData"] = {n: input_to_wire(v) for n, v in invocation.inputs.items()}
    if outputs:
        properties["outputData"] = {n: output_to_wire(v) for n, v in outputs.items()}
    properties.update(settings_to_wire(invocation.settings))
    all_tags = {**tags, **properties.get("tags", {})}
    if all_tags:
        properties["tags"] = all_tags
    if description:
        properties.setdefault("description", description)
    return {"properties": properties}


def digest(invocation: Invocation) -> str:
    """SHA-256 of what was asked for, independent of dictionary order and of the attempt.

    Rendered inputs that changed between two tries are another job (D2).
    """
    facts = {
        "endpoint": invocation.endpoint_name,
        "deployment": invocation.deployment_name,
        "inputs": {n: input_to_wire(v) for n, v in invocation.inputs.items()},
        "outputs": {n: output_to_wire(v) for n, v in invocation.outputs.items()},
        "root": None if invocation.output_root is None else str(invocation.output_root),
        "settings": invocation.settings,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def fixed_outputs(outputs: object) -> list[str]:
    """Names of outputs whose URI is the same in every run, as far as a DAG file tells.

    Takes what the caller wrote, unrendered; a URI that is no plain text (an upstream's) may vary.
    """
    if not isinstance(outputs, Mapping):
        return []
    return [str(name) for name, value in outputs.items() if _is_fixed(_written_uri(value))]


def shared_outputs(invocation: Invocation, map_index: int) -> list[str]:
    """Names of outputs that several mapped tasks may be writing to: nothing in them tells the index."""
    if map_index < 0:
        return []
    own = re.compile(rf"\{{map_index\}}|(?<!\d){map_index}(?!\d)")
    return [name for name, o in invocation.outputs.items() if o.uri and not own.search(o.uri)]


def _written_uri(value: object) -> object:
    if isinstance(value, Mapping):
        return next((item for key, item in value.items() if str(key).casefold() == "uri"), None)
    return getattr(value, "uri", None)


def _is_fixed(uri: object) -> bool:
    return (
        isinstance(uri, str) and bool(uri) and not any(m in uri for m in ("{{", "{%", "{attempt}"))
    )
