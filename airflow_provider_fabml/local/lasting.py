"""A stack that stays: ``up``, ``down`` and ``status``."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_fabml.local.demo import CONF, DAG_ID, bring_up
from airflow_provider_fabml.local.places import home
from airflow_provider_fabml.local.process import StackError
from airflow_provider_fabml.local.stack import Stack
from airflow_provider_fabml.local.state import State, load, save

if TYPE_CHECKING:
    from airflow_provider_fabml.local.show import Show


def state_file() -> Path:
    """Where ``up`` writes down what it started."""
    return home() / "stack.json"


def up(show: Show, dags: Path) -> None:
    """Start everything and leave it running; print where it answers and the login.

    Stops what it had started when a step fails. Running already is no error.
    """
    state = load(state_file())
    if state is not None and state.running:
        _tell_running(show, state)
        return
    folder = home() / "stack"
    shutil.rmtree(folder, ignore_errors=True)
    stack = Stack(folder, dags, outlives=True)
    try:
        bring_up(stack, show)
        environment = stack.write_environment()
        save(state_file(), stack.state())
    except BaseException:
        stack.stop()
        raise
    _tell(show, stack.state(), environment)


def down(show: Show) -> None:
    """Stop exactly the processes that ``up`` recorded, the last started first."""
    state = load(state_file())
    if state is None:
        show.say("Nothing is up.")
        return
    for process in reversed(state.processes):
        with show.step(f"Stop {process.name}"):
            process.end()
    state_file().unlink()


def status(show: Show) -> None:
    """Say which processes run; StackError if ``up`` started some that do not."""
    state = load(state_file())
    if state is None:
        show.say("Nothing is up.")
        return
    for process in state.processes:
        word = "running" if process.running else "not running"
        show.say(f"{process.name:<24} {word:<12} process {process.pid}")
    show.say(f"Airflow {state.url}")
    if len(state.running) < len(state.processes):
        raise StackError("Not all of it runs. Remedy: `make down`, then `make up`.")


def _tell_running(show: Show, state: State) -> None:
    status(show)
    show.say(f"Up already. Login {state.user} / {state.password}; `make down` stops it.")


def _tell(show: Show, state: State, environment: Path) -> None:
    show.say(f"\nAirflow    {state.url}   login {state.user} / {state.password}")
    show.say("Score the uploaded data:")
    show.say(f"  source {environment}")
    airflow = Path(sys.executable).with_name("airflow")
    show.say(f"  {airflow} dags unpause {DAG_ID}")
    show.say(f"  {airflow} dags trigger {DAG_ID} --conf '{json.dumps(CONF)}'")
    show.say("Stop it all: make down")
