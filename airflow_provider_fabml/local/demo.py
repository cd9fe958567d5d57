"""The demo: real data through a real Airflow, told step by step."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.local.airflow_api import FINISHED
from airflow_provider_fabml.local.breast_cancer.data import Prepared, prepare, upload
from airflow_provider_fabml.local.breast_cancer.outcome import Outcome, judge
from airflow_provider_fabml.local.breast_cancer.workspace import CONTAINER, ENDPOINT, FOLDER
from airflow_provider_fabml.local.places import home
from airflow_provider_fabml.local.process import StackError
from airflow_provider_fabml.local.stack import Stack

if TYPE_CHECKING:
    from airflow_provider_fabml.local.show import Show

DAG_ID = "score_heart"
CONF = {"endpoint_name": ENDPOINT, "shortcut_path": f"Files/{FOLDER}"}
PATIENCE = 240


class Run(NamedTuple):
    """A finished DAG run: its id and what the last task returned (the completed job)."""

    run_id: str
    job: dict[str, Any]


def run_demo(show: Show, dags: Path) -> None:
    """Do all of it in a folder of its own; StackError where rows are missing or a step failed."""
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=_made(home())))
    try:
        with Stack(folder, dags) as stack:
            prepared = bring_up(stack, show)
            run = run_dag(stack, show)
            with show.step("Read the predictions"):
                outcome = judge(stack.azurite, run.job, prepared.labels)
            tell(stack, show, run, outcome)
            kept = shutil.copy(outcome.write(folder), home() / "predictions.csv")
            began = time.monotonic()
        show.say(f"Stopped everything in {time.monotonic() - began:.1f} s; kept {kept}.")
    except BaseException:
        show.say(f"Everything this started is stopped. Its logs: {folder}")
        raise
    shutil.rmtree(folder)


def bring_up(stack: Stack, show: Show) -> Prepared:
    """Start the three servers, train the model, upload the files to be scored."""
    with show.step("Start storage (Azurite; the first time npm ci)"):
        stack.start_storage()
    with show.step("Start Azure ML (emulator)"):
        stack.start_azure_ml()
    with show.step("Start Airflow: database"):
        stack.start_airflow()
    # Airflow's processes take a while to serve: the data is made ready meanwhile.
    with show.step("Train a model on one half of the breast cancer data"):
        prepared = prepare(stack.model_dir, stack.folder / "csv")
    rows, files = len(prepared.labels), len(prepared.files)
    with show.step(f"Upload {rows} rows in {files} files to {CONTAINER}/{FOLDER}"):
        upload(stack.azurite.connection_string, prepared.files, FOLDER)
    with show.step("Start Airflow: four processes healthy"):
        stack.airflow.wait_healthy()
        stack.airflow.api.wait_for_dag(DAG_ID)
    return prepared


def run_dag(stack: Stack, show: Show) -> Run:
    """Run the DAG on the scheduler; StackError with the failed task's log."""
    api = stack.airflow.api
    api.unpause(DAG_ID)
    with show.step(f"Run the DAG {DAG_ID}", spinner=False):
        run_id = api.trigger(DAG_ID, CONF)
        state = _watch(stack, show, run_id)
    if state != "success":
        raise StackError(_why(stack, run_id, state))
    return Run(run_id, api.xcom(DAG_ID, run_id, "scored"))


def _watch(stack: Stack, show: Show, run_id: str) -> str:
    api = stack.airflow.api
    deadline = time.monotonic() + PATIENCE
    with show.tasks(list(api.task_states(DAG_ID, run_id))) as board:
        while True:
            state = str(api.run(DAG_ID, run_id)["state"])
            board.update(api.task_states(DAG_ID, run_id))
            if state in FINISHED:
                return state
            if time.monotonic() > deadline:
                return f"{state} after {PATIENCE} s"
            time.sleep(0.5)


def _why(stack: Stack, run_id: str, state: str) -> str:
    api = stack.airflow.api
    states = api.task_states(DAG_ID, run_id)
    culprits = [task for task, each in states.items() if each not in ("success", "none")]
    lines = [f"The run of {DAG_ID} is {state}."]
    for task in culprits:
        lines += [f"Log of {task} ({states[task]}):"]
        lines += [f"  {line}" for line in api.task_log(DAG_ID, run_id, task)[-15:]]
    return "\n".join(lines)


def tell(stack: Stack, show: Show, run: Run, outcome: Outcome) -> None:
    """Print the first predictions, the count, the accuracy and the links; refuse a miscount."""
    show.say("\nFirst predictions (file, row, 0 = malignant or 1 = benign, probability of benign):")
    for line in outcome.lines[:5]:
        show.say(f"  {line}")
    show.say(f"\nRows in    {outcome.rows_in}\nRows out   {outcome.rows_out}")
    show.say(f"Accuracy   {outcome.accuracy:.1%} of {outcome.rows_in} held-out labels")
    show.say(f"Output     {outcome.uri}\nStudio     {run.job['studio_url']}")
    show.say(f"Airflow    {stack.airflow.url}/dags/{DAG_ID}/runs/{run.run_id}")
    show.say("           (links answer while it runs: `make up` keeps it running)")
    outcome.check()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
