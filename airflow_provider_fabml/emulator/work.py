"""One job's work, whatever its kind, and what its runs report afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_fabml.emulator.model_job import ModelWork
from airflow_provider_fabml.emulator.pipeline_job import run_pipeline_job
from airflow_provider_fabml.emulator.storage import StorageError

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.state import Job, Store
    from airflow_provider_fabml.emulator.storage import Storage
    from airflow_provider_fabml.emulator.switches import Switches
    from airflow_provider_fabml.emulator.workspace import ModelDeployment, PipelineDeployment

PARENT_ERROR = (
    "Pipeline has failed child jobs. Failed nodes: {nodes}. For more details and logs, please go "
    "to the job detail page and check the child jobs."
)
"""The general text of a parent run (run history recordings of 2026-02)."""


def parent_error(failed: list[str]) -> str:
    """Return what a job says about its failed children: their names, and no reason."""
    return PARENT_ERROR.format(nodes=", ".join(f"/{name}" for name in failed))


@dataclass
class Work:
    """Does jobs' work; callable from many threads."""

    store: Store
    storage: Storage
    switches: Switches
    model_dir: Path | None = None

    def __call__(self, job: Job) -> bool:
        """Do the work; return whether it succeeded, with errors noted in the job's runs."""
        if job.deployment.kind == "model":
            failed = self._score(job, job.deployment)
        else:
            failed = self._run_steps(job, job.deployment)
        if failed:
            job.error = parent_error(failed)
        go_on = job.pipeline_settings.get("azureml.continue_on_step_failure") == "True"
        return not failed or (go_on and self.switches.continued_job_state == "Completed")

    def _score(self, job: Job, deployment: ModelDeployment) -> list[str]:
        child = job.children[0]
        child.status, child.started = "Running", datetime.now(UTC)
        assert job.settings is not None  # noqa: S101 - every model job has settings
        stale = self.switches.output_exists == "stale"
        model = self._model(deployment)
        work = ModelWork(job, deployment, job.settings, self.storage, model, stale=stale)
        child.error = work.run()
        child.status = "Failed" if child.error else "Completed"
        child.ended = datetime.now(UTC)
        return [child.name] if child.error else []

    def _run_steps(self, job: Job, deployment: PipelineDeployment) -> list[str]:
        forced = job.pipeline_settings.get("azureml.force_rerun") == "True"
        reuse = None if forced else self._same_inputs(job, deployment)
        return run_pipeline_job(job, deployment, self.storage, reuse=reuse)

    def _model(self, deployment: ModelDeployment) -> Path | None:
        """Return the model's place; ``{model_dir}`` stands for the --model-dir option."""
        if deployment.model is None or "{model_dir}" not in str(deployment.model):
            return deployment.model
        home = self.model_dir
        return None if home is None else Path(str(deployment.model).format(model_dir=home))

    def _same_inputs(self, job: Job, deployment: PipelineDeployment) -> Job | None:
        """Return the newest completed job with the same inputs (reuse is inferred)."""
        try:
            job.inputs_digest = self._digest(job, deployment)
        except StorageError:
            return None
        twins = (
            other
            for other in reversed(self.store.jobs())
            if other is not job
            and other.state == "Completed"
            and other.deployment is deployment
            and other.outputs.keys() == deployment.outputs.keys()
            and other.inputs_digest == job.inputs_digest
        )
        return next(twins, None)

    def _digest(self, job: Job, deployment: PipelineDeployment) -> str:
        """Return all that decides about the result: literals, file names, entity tags."""
        seen: dict[str, object] = {}
        for name, wanted in deployment.inputs.items():
            given = job.request.inputs.get(name)
            if given is not None and given.uri is not None:
                seen[name] = self.storage.digest(given.uri, folder=given.type != "UriFile")
            else:
                seen[name] = wanted.default if given is None else given.value
        return json.dumps(seen, sort_keys=True)
