"""What the emulator remembers: endpoints, jobs, their runs. In memory, behind one lock."""

from __future__ import annotations

import random
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.transitions import FIRST, TERMINAL

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.emulator.processes import Processes
    from airflow_provider_fabml.emulator.settings import ModelSettings
    from airflow_provider_fabml.emulator.switches import Vintage
    from airflow_provider_fabml.emulator.transitions import Outcome
    from airflow_provider_fabml.emulator.wire import BatchJob
    from airflow_provider_fabml.emulator.workspace import (
        Endpoint,
        ModelDeployment,
        PipelineDeployment,
    )

_WORDS = ("mango", "island", "stoic", "energy", "blue", "store", "orange", "card", "affable", "key")


@dataclass(eq=False)
class Run:
    """A child run: what really executes."""

    run_id: str
    name: str
    status: str = "NotStarted"
    started: datetime | None = None
    ended: datetime | None = None
    error: str | None = None
    """What the person who owns the script needs to read."""
    log: str = ""
    display_name: str = ""


@dataclass(eq=False)
class Job:
    """A batch job and the truth about it."""

    name: str
    display_name: str
    endpoint: str
    deployment: ModelDeployment | PipelineDeployment
    request: BatchJob
    created: datetime
    created_by: str
    vintage: Vintage
    settings: ModelSettings | None
    """Effective settings of a model deployment's job; None for a pipeline component's."""
    pipeline_settings: dict[str, str]
    """Properties that report a pipeline component's effective settings."""
    processes: Processes
    born: float = 0.0
    """When it was made, in seconds of the emulator's clock."""
    shows_outputs: bool = True
    """Whether the output URIs of the request come back."""
    request_id: str | None = None
    state: str = FIRST
    forced: str | None = None
    """A state that the control API shows instead of the real one."""
    entered: float = 0.0
    """When ``state`` was entered, in seconds of the emulator's clock."""
    outcome: Outcome | None = None
    error: str | None = None
    children: list[Run] = field(default_factory=list)
    started: datetime | None = None
    ended: datetime | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    """Output name → URI really written to."""
    inputs_digest: str = ""
    """What a pipeline component's result depends on, for reuse."""
    pipeline_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    work_over: threading.Event = field(default_factory=threading.Event)
    settled: threading.Event = field(default_factory=threading.Event)
    """Set once the state is terminal."""

    @property
    def visible(self) -> str:
        """Return the state that answers carry."""
        return self.forced or self.state

    @property
    def over(self) -> bool:
        """Return whether the job has come to an end."""
        return self.visible in TERMINAL

    @property
    def children_visible(self) -> list[Run]:
        """Return the child runs; there are none before a job has been prepared."""
        return [] if self.state == FIRST else list(self.children)


def display_name() -> str:
    """Return a display name such as the service makes (``mango_island_k42c0npc``)."""
    letters = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=8))  # noqa: S311
    return f"{random.choice(_WORDS)}_{random.choice(_WORDS)}_{letters}"  # noqa: S311


class Store:
    """Endpoints and jobs by name; every method may be called from any thread."""

    def __init__(self, endpoints: list[Endpoint], created: datetime) -> None:
        self.lock = threading.RLock()
        self.created = created
        self.endpoints: dict[str, Endpoint] = {found.name: found for found in endpoints}
        self.operations: dict[str, Any] = {}
        self._jobs: dict[str, Job] = {}

    def add(self, job: Job) -> None:
        """Remember a job."""
        with self.lock:
            self._jobs[job.name] = job

    def job(self, name: str) -> Job | None:
        """Return the job called ``name``, or None."""
        with self.lock:
            return self._jobs.get(name)

    def jobs(self) -> list[Job]:
        """Return all jobs, oldest first."""
        with self.lock:
            return list(self._jobs.values())

    def job_of_request(self, request_id: str) -> Job | None:
        """Return the job that a request with this repeatability id made, or None."""
        return next((job for job in self.jobs() if job.request_id == request_id), None)

    def run(self, run_id: str) -> tuple[Job, Run | None] | None:
        """Return the job and, where ``run_id`` names a child, the child run."""
        if job := self.job(run_id):
            return job, None
        for job in self.jobs():
            for child in job.children_visible:
                if child.run_id == run_id:
                    return job, child
        return None
