"""Read a workspace file; every mistake in it is told with field, value, reason and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from airflow_provider_fabml.emulator.workspace import ModelDeployment, PipelineDeployment, Workspace

DEMO = Path(__file__).parent / "demo_workspace" / "workspace.yaml"
_REMEDIES = {
    "extra_forbidden": "remove the key or spell it as in emulator/README.md",
    "missing": "add the key",
    "literal_error": "use one of the named values",
    "union_tag_invalid": "use 'kind: model' or 'kind: pipeline_component'",
}


class WorkspaceFileError(ValueError):
    """The workspace file cannot be served; the text names each field, value, reason, remedy."""


def load_workspace(source: Workspace | dict[str, Any] | Path | str | None) -> Workspace:
    """Return the workspace described by a file, a dict or nothing (the demo workspace).

    Relative paths in a file are relative to that file. Raises ``WorkspaceFileError``.
    """
    if isinstance(source, Workspace):
        return source
    if isinstance(source, dict):
        return parse_workspace(source, where="workspace")
    path = DEMO if source is None else Path(source)
    return _resolved(parse_workspace(_read(path), where=str(path)), path.resolve().parent)


def parse_workspace(data: Any, *, where: str) -> Workspace:
    """Validate ``data``; raise ``WorkspaceFileError`` with one line per mistake."""
    try:
        return Workspace.model_validate(data)
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
        raise WorkspaceFileError(f"{where} cannot be served:\n" + "\n".join(lines)) from None


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WorkspaceFileError(f"{path} cannot be read: {error.strerror}; name a file") from None
    except yaml.YAMLError as error:
        raise WorkspaceFileError(f"{path} is no YAML: {error}") from None


def _explain(problem: Any) -> str:
    field = ".".join(str(part) for part in problem["loc"]) or "(whole file)"
    remedy = _REMEDIES.get(problem["type"], "see emulator/README.md for the values it takes")
    secret = any(word in field for word in ("secret", "key"))
    given = problem["input"]
    # A whole mapping may hold secrets, and says little about the mistake in it.
    plain = not given or isinstance(given, str | int | float)
    value = repr(given)[:80] if plain and not secret else "(not shown)"
    return f"  {field}: value {value}: {problem['msg']}; remedy: {remedy}"


def _resolved(workspace: Workspace, folder: Path) -> Workspace:
    """Return the workspace with every relative path made absolute."""
    endpoints = [
        endpoint.model_copy(
            update={"deployments": [_absolute(found, folder) for found in endpoint.deployments]}
        )
        for endpoint in workspace.endpoints
    ]
    return workspace.model_copy(update={"endpoints": endpoints})


def _absolute(
    deployment: ModelDeployment | PipelineDeployment, folder: Path
) -> ModelDeployment | PipelineDeployment:
    if isinstance(deployment, PipelineDeployment):
        steps = [
            step.model_copy(update={"code": folder / step.code}) if step.code else step
            for step in deployment.steps
        ]
        return deployment.model_copy(update={"steps": steps})
    update: dict[str, Any] = {"scoring_script": folder / deployment.scoring_script}
    if deployment.model is not None and "{model_dir}" not in str(deployment.model):
        update["model"] = folder / deployment.model
    return deployment.model_copy(update=update)
