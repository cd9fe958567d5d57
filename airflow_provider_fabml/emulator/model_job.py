"""The work of a model deployment's job: fetch, score in parallel, append, upload."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_fabml.emulator.processes import JobKilledError
from airflow_provider_fabml.emulator.scorer_process import (
    ScorerProcess,
    ScriptError,
    ScriptInitError,
)
from airflow_provider_fabml.emulator.scoring import OUTPUT_EXISTS, RUN_FAILED, Tally, mini_batches
from airflow_provider_fabml.emulator.storage import StorageError

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.settings import ModelSettings
    from airflow_provider_fabml.emulator.state import Job
    from airflow_provider_fabml.emulator.storage import Storage
    from airflow_provider_fabml.emulator.workspace import ModelDeployment

CHILD_NAME = "batchscoring"


@dataclass(frozen=True)
class Folders:
    """Where one job works on this machine."""

    root: Path

    @property
    def inputs(self) -> Path:
        """Return the folder of downloaded input files."""
        return self.root / "inputs"

    @property
    def rows(self) -> Path:
        """Return the folder of scored mini-batches."""
        return self.root / "rows"

    @property
    def own_outputs(self) -> Path:
        """Return what the script sees as AZUREML_BI_OUTPUT_PATH."""
        return self.root / "outputs"

    @property
    def log(self) -> Path:
        """Return the file that takes what the script prints."""
        return self.root / "std_log.txt"

    def make(self) -> Folders:
        """Create the folders."""
        for folder in (self.inputs, self.rows, self.own_outputs):
            folder.mkdir(parents=True, exist_ok=True)
        self.log.touch()
        return self


@dataclass(frozen=True)
class ModelWork:
    """The work of one job; ``stale`` leaves an output that exists as it is."""

    job: Job
    deployment: ModelDeployment
    settings: ModelSettings
    storage: Storage
    model: Path | None = None
    stale: bool = False

    def run(self) -> str | None:
        """Do the work; return why it failed, or None. Raises ``JobKilledError`` when killed."""
        with tempfile.TemporaryDirectory(prefix="emulator-job-") as root:
            folders = Folders(Path(root)).make()
            try:
                return self._score_and_send(folders)
            except StorageError as error:
                return str(error)
            except ScriptInitError as error:
                return f"{RUN_FAILED} {error}"
            finally:
                log = folders.log.read_text(encoding="utf-8", errors="replace")
                self.job.children[0].log = log

    def _score_and_send(self, folders: Folders) -> str | None:
        target = self.settings.output_uri or self._default_target()
        occupied = self.settings.output_action == "append_row" and self.storage.exists(target)
        if occupied and not self.stale:
            return f"{OUTPUT_EXISTS}: {target}"
        tally, parts = self._score(self._fetch(folders), folders)
        if failure := tally.verdict(self.settings.error_threshold):
            return failure
        if not occupied:
            self._send(target, parts, folders)
        self.job.outputs["score"] = target
        return None

    def _default_target(self) -> str:
        """Return the default place: ``azureml/{child run}/score/`` (recording of 2022-11)."""
        store = self.storage.workspace.default_datastore.name
        place = f"azureml/{self.job.children[0].run_id}/score/{self.settings.output_file_name}"
        return f"azureml://datastores/{store}/paths/{place}"

    def _fetch(self, folders: Folders) -> list[str]:
        """Download the one data input; return its files in order of their names."""
        given = next(value for value in self.job.request.inputs.values() if value.uri is not None)
        folder = given.type != "UriFile"
        at, names = self.storage.files(given.uri or "", folder=folder)
        base = PurePosixPath(at.path) if folder else PurePosixPath(at.path).parent
        fetched = []
        for name in names:
            if self.job.processes.killed.is_set():
                raise JobKilledError
            target = folders.inputs / PurePosixPath(name).relative_to(base)
            self.storage.fetch(at.container, name, target)
            fetched.append(str(target))
        return fetched

    def _environment(self, folders: Folders) -> dict[str, str]:
        """Return the script's environment; AZUREML_MODEL_DIR holds the model's file or folder."""
        home = folders.root / "model" / self.deployment.model_version
        home.mkdir(parents=True)
        if self.model is not None and self.model.exists():
            (home / self.model.name).symlink_to(self.model.resolve())
        return script_environment() | self.deployment.environment_variables | {
            "AZUREML_MODEL_DIR": str(home),
            "AZUREML_BI_OUTPUT_PATH": str(folders.own_outputs),
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def _score(self, files: list[str], folders: Folders) -> tuple[Tally, list[Path]]:
        """Score every mini-batch; return the tally and the row files in order of the batches."""
        batches = mini_batches(files, self.settings.mini_batch_size)
        env = self._environment(folders)
        script, to_csv = self.deployment.scoring_script, self.deployment.to_csv
        team = [
            ScorerProcess(script, env, to_csv, folders.log, self.job.processes)
            for _ in range(min(self.settings.workers, len(batches)))
        ]
        try:
            return self._share_out(batches, team, folders)
        finally:
            for worker in team:
                worker.stop()

    def _share_out(
        self, batches: list[list[str]], team: list[ScorerProcess], folders: Folders
    ) -> tuple[Tally, list[Path]]:
        """Give each idle worker the next mini-batch until all are done or too many failed."""
        tally, done, idle = Tally(), set(), list(team)

        def work(index: int) -> tuple[int, int | None, str]:
            worker = idle.pop()
            try:
                rows = folders.rows / str(index)
                return index, *attempts(worker, batches[index], rows, self.settings)
            finally:
                idle.append(worker)

        with ThreadPoolExecutor(len(team)) as pool:
            try:
                for future in as_completed([pool.submit(work, n) for n in range(len(batches))]):
                    index, returned, cause = future.result()
                    tally = tally.plus(len(batches[index]), returned, cause)
                    if returned is not None:
                        done.add(index)
                    if tally.exceeds(self.settings.error_threshold):
                        break
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in team:
                    worker.interrupt()
        return tally, [folders.rows / str(index) for index in sorted(done)]

    def _send(self, target: str, parts: list[Path], folders: Folders) -> None:
        """Upload the appended rows and what the script wrote to AZUREML_BI_OUTPUT_PATH."""
        self.storage.send_folder(folders.own_outputs, target.rsplit("/", 1)[0])
        if self.settings.output_action == "append_row":
            joined = folders.root / "joined"
            with joined.open("wb") as out:
                for part in parts:
                    out.write(part.read_bytes())
            self.storage.send(joined, target)


def script_environment() -> dict[str, str]:
    """Return this process's environment without the secrets it may hold."""
    hidden = ("AZURE_", "EMULATOR_", "AIRFLOW_")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


def attempts(
    worker: ScorerProcess, files: list[str], rows: Path, settings: ModelSettings
) -> tuple[int | None, str]:
    """Try one mini-batch until it succeeds or its attempts are used up."""
    cause = ""
    for _ in range(settings.max_retries + 1):
        try:
            return worker.score(files, rows, settings.timeout_seconds), ""
        except ScriptError as error:
            cause = str(error)
    return None, cause
