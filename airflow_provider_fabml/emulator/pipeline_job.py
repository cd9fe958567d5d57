"""The work of a pipeline component deployment's job: steps in order, each its own process.

Placeholders are those of a command component: ``${{inputs.x}}``, ``${{outputs.y}}``; ``python``
is this interpreter. A step whose placeholder names an output of a failed step is not started.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_fabml.emulator.model_job import script_environment
from airflow_provider_fabml.emulator.processes import JobKilledError
from airflow_provider_fabml.emulator.storage import StorageError

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.state import Job, Run
    from airflow_provider_fabml.emulator.storage import Storage
    from airflow_provider_fabml.emulator.workspace import PipelineDeployment, Step

_PLACEHOLDER = re.compile(r"\$\{\{\s*(inputs|outputs)\.([A-Za-z0-9_]+)\s*\}\}")


@dataclass
class Bench:
    """Where one pipeline job works on this machine."""

    root: Path
    inputs: dict[str, str] = field(default_factory=dict)
    """Input name → local path, or the literal's text; an absent optional input is missing."""
    outputs: dict[str, Path] = field(default_factory=dict)


def fill_in(command: str, inputs: dict[str, str], outputs: dict[str, Path]) -> list[str]:
    """Return the command's words with placeholders filled in; values are never split or run.

    ``KeyError`` where a placeholder names nothing there is.
    """

    def value(match: re.Match[str]) -> str:
        kind, name = match.groups()
        return inputs[name] if kind == "inputs" else str(outputs[name])

    # Placeholders may hold blanks, which shlex would split.
    compact = _PLACEHOLDER.sub(r"${{\1.\2}}", command)
    words = [_PLACEHOLDER.sub(value, word) for word in shlex.split(compact)]
    return [sys.executable if words[0] in {"python", "python3"} else words[0], *words[1:]]


def outputs_used(step: Step) -> set[str]:
    """Return the outputs a step names."""
    return {name for kind, name in _PLACEHOLDER.findall(step.command) if kind == "outputs"}


def run_pipeline_job(
    job: Job, deployment: PipelineDeployment, storage: Storage, *, reuse: Job | None
) -> list[str]:
    """Do the work; return the names of the failed steps. Raises ``JobKilledError`` when killed.

    ``reuse`` is an earlier job with the same inputs, whose outputs are taken over.
    """
    with tempfile.TemporaryDirectory(prefix="emulator-job-") as root:
        bench = Bench(Path(root))
        try:
            if reuse is not None:
                _take_over(job, deployment, reuse, storage, bench)
                return []
            _fetch_inputs(job, deployment, storage, bench)
        except StorageError as error:
            _end(job.children[0], str(error))
            return [job.children[0].name]
        failed, spoilt = _run_steps(job, deployment, bench)
        if not failed or _goes_on(job):
            _send_outputs(job, storage, bench, spoilt)
        return failed


def target_of(job: Job, output: str) -> str:
    """Return where an output goes: as asked, or ``azureml/{job}/{output}`` (documented)."""
    asked = job.request.outputs.get(output)
    if asked is not None and asked.uri:
        return asked.uri
    store = job.pipeline_settings["azureml.defaultDataStoreName"]
    return f"azureml://datastores/{store}/paths/azureml/{job.name}/{output}"


def _fetch_inputs(job: Job, deployment: PipelineDeployment, storage: Storage, bench: Bench) -> None:
    for name, wanted in deployment.inputs.items():
        given = job.request.inputs.get(name)
        if given is None or given.uri is None:
            value = wanted.default if given is None or given.value is None else given.value
            if value is not None:
                bench.inputs[name] = str(value)
            continue
        folder = given.type != "UriFile"
        at, blobs = storage.files(given.uri, folder=folder)
        base = PurePosixPath(at.path) if folder else PurePosixPath(at.path).parent
        home = bench.root / "inputs" / name
        for blob in blobs:
            storage.fetch(at.container, blob, home / PurePosixPath(blob).relative_to(base))
        bench.inputs[name] = str(home if folder else home / PurePosixPath(at.path).name)
    for name, output in deployment.outputs.items():
        place = bench.root / "outputs" / name
        (place if output.type == "uri_folder" else place.parent).mkdir(parents=True, exist_ok=True)
        bench.outputs[name] = place


def _goes_on(job: Job) -> bool:
    return job.pipeline_settings["azureml.continue_on_step_failure"] == "True"


def _run_steps(
    job: Job, deployment: PipelineDeployment, bench: Bench
) -> tuple[list[str], set[str]]:
    """Run the steps; return the failed ones and the outputs they name."""
    go_on = _goes_on(job)
    failed: list[str] = []
    spoilt: set[str] = set()
    for step, run in zip(deployment.steps, job.children, strict=True):
        if failed and (not go_on or outputs_used(step) & spoilt):
            run.status = "NotStarted"
            continue
        if not _run_step(job, step, run, bench):
            failed.append(step.name)
            spoilt |= outputs_used(step)
    return failed, spoilt


def _run_step(job: Job, step: Step, run: Run, bench: Bench) -> bool:
    """Run one step's command in a work folder of its own; return whether it succeeded."""
    home = bench.root / "steps" / step.name
    if step.code is not None:
        shutil.copytree(step.code, home, ignore=shutil.ignore_patterns("__pycache__"))
    home.mkdir(parents=True, exist_ok=True)
    run.status, run.started = "Running", datetime.now(UTC)
    try:
        command = fill_in(step.command, bench.inputs, bench.outputs)
    except KeyError as error:
        return _end(run, f"step '{step.name}' names {error}, which has no value")
    log = bench.root / f"{step.name}.log"
    code = _execute(job, command, home, log)
    run.log = log.read_text(encoding="utf-8", errors="replace")
    if code:
        last = (run.log.strip().splitlines() or ["it printed nothing"])[-1]
        return _end(run, f"Execution failed. User process exited with status code {code}. {last}")
    return _end(run, None)


def _execute(job: Job, command: list[str], home: Path, log: Path) -> int:
    with log.open("w", encoding="utf-8") as out:
        try:
            process = job.processes.start(
                command, cwd=home, stdout=out, stderr=out, env=script_environment()
            )
        except OSError as error:
            out.write(f"{command[0]}: {error.strerror}\n")
            return 127
        code = process.wait()
    job.processes.end(process)
    if job.processes.killed.is_set():
        raise JobKilledError
    return code


def _end(run: Run, error: str | None) -> bool:
    run.status, run.error = "Failed" if error else "Completed", error
    run.ended = datetime.now(UTC)
    run.started = run.started or run.ended
    return error is None


def _send_outputs(job: Job, storage: Storage, bench: Bench, spoilt: set[str]) -> None:
    for name, place in bench.outputs.items():
        if name in spoilt:
            continue
        target = target_of(job, name)
        if place.is_dir():
            storage.send_folder(place, target)
        elif place.exists():
            storage.send(place, target)
        job.outputs[name] = target


def _take_over(
    job: Job, deployment: PipelineDeployment, earlier: Job, storage: Storage, bench: Bench
) -> None:
    """Copy the earlier job's outputs to where this job's belong."""
    for name, output in deployment.outputs.items():
        source, target = earlier.outputs[name], target_of(job, name)
        job.outputs[name] = target
        if source == target:
            continue
        folder = output.type == "uri_folder"
        at, blobs = storage.files(source, folder=folder)
        for blob in blobs:
            below = PurePosixPath(blob).relative_to(at.path).as_posix() if folder else ""
            local = bench.root / "reused"
            storage.fetch(at.container, blob, local)
            storage.send(local, f"{target}/{below}" if folder else target)
    for run in job.children:
        run.log = f"The output of job {earlier.name} was reused: same inputs.\n"
        _end(run, None)
