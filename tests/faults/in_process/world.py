"""The world outside a task: an Azure ML whose jobs end when the plan says so, real storage, the truth."""

from __future__ import annotations

import contextlib
import re
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import requests
from support.scoring import Scoring

from airflow_provider_fabml.emulator import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from faults.in_process.effects import Sending

    from airflow_provider_fabml.local.azurite import Azurite

_OVER = {"Completed", "Failed", "Canceled"}
# All that the emulator has, but for what lasts longer than the settle window here.
_KINDS: list[Any] = [
    *(
        "lost_answer",
        "reset_before",
        "reset_after",
        "500_before",
        "503_after",
        "429",
        "not_responding",
    ),
    *("truncated_json", "truncated_connection", "unknown_state"),
    {"kind": "slow", "delay": 0.3},
    {"kind": "stale_list", "stale": 0.5},
]
# Seconds: a request takes no longer than both together, so no window has to be longer here.
TIMEOUTS = {"connect_timeout": 1, "read_timeout": 2}
# The answer that a killed process will never read is held back this long.
_HELD_BACK = 3.0


class World:
    """One emulator with its switches in one position, shared by many runs."""

    def __init__(self, emulator: EmulatorServer, azurite: Azurite) -> None:
        self.scoring = Scoring(emulator, azurite)
        self.control = emulator.control
        self.url = emulator.url
        self.folder = self.scoring.upload(files=1, rows=3)
        self.other_folder = self.scoring.upload(files=1, rows=2)
        self.rows = {self.folder: 3, self.other_folder: 2}
        self._looks: Counter[str] = Counter()
        self._on_their_way: list[tuple[float, Sending]] = []

    def connections(self) -> dict[str, dict[str, Any]]:
        """Airflow connections by id."""
        connections = self.scoring.connections
        ours = connections["azure_ml_default"]
        return {**connections, "azure_ml_default": {**ours, "extra": {**ours["extra"], **TIMEOUTS}}}

    def jobs_of(self, run_id: str) -> list[dict[str, Any]]:
        """The truth about the jobs that write below this run's folder, oldest first."""
        return [job for job in self.control.jobs() if f"/{run_id}/" in str(job["request"])]

    def looked_at(self, name: str) -> int:
        """Count one more look at a job; how many there were."""
        self._looks[name] += 1
        return self._looks[name]

    def end(self, name: str, state: str) -> None:
        """Let a job come to its end: really scored, or failed."""
        if state != "Completed":
            self.control.set_state(name, state, "the harness wanted it so")
        while not self.is_over(name):
            self.control.advance_job(name)

    def add_strangers(self, count: int) -> None:
        """Jobs that other people started on the same endpoint."""
        for _ in range(count):
            self._post_stranger()

    def _post_stranger(self) -> None:
        from support.scoring import start_job

        start_job(self.scoring)

    def start_faults(self, seed: int) -> None:
        """The service answers one request in ten wrongly, from a seed."""
        self.control.start_faults(seed=seed, rate=0.1, kinds=_KINDS)

    def post_later(self, sending: Sending) -> None:
        """Keep a request that left its process and has not arrived."""
        self._on_their_way.append((time.monotonic(), sending))

    def deliver(self, older_than: float = 0) -> None:
        """What left ``older_than`` seconds ago arrives; nobody reads the answers."""
        while self._on_their_way and time.monotonic() - self._on_their_way[0][0] >= older_than:
            _, late = self._on_their_way.pop(0)
            roots = str(self.scoring.emulator.ca_bundle)
            with contextlib.suppress(requests.RequestException):  # the service's own faults
                requests.post(
                    late.url, data=late.body, headers=late.headers, verify=roots, timeout=60
                )

    def hold_back_the_answer(self, path: str) -> None:
        """The answer to the next POST comes too late for a process that is killed meanwhile."""
        self.control.add_fault(
            method="POST", path=f"^{re.escape(path)}$", delay=_HELD_BACK, when="after"
        )

    def wait_until_done(self, *, surely: bool, timeout: float = 20) -> None:
        """Wait until the POST whose answer is held back was worked through.

        Where the service has faults of its own, one of them may have met the POST instead.
        """
        ends = time.monotonic() + (timeout if surely else 2)
        while self.control.faults():
            if time.monotonic() > ends:
                self.control.clear_faults()
                if surely:
                    raise TimeoutError("the POST has not reached the service")
            time.sleep(0.005)
        time.sleep(0.1)  # the work follows at once, in the same thread

    def is_over(self, name: str) -> bool:
        """Whether a job has ended."""
        return self.control.job(name)["state"] in _OVER

    def rows_at(self, uri: str) -> int:
        """How many predictions lie at an output's URI (a file's, or a folder's)."""
        _, _, path = uri.partition("/paths/")
        with self.scoring.container() as container:
            blobs = [b for b in container.list_blobs(name_starts_with=path) if b.size]
            names = [b.name for b in blobs if not b.name.endswith("/_manifest.json")]
            texts = [container.download_blob(n, encoding="utf-8").readall() for n in names]
        return sum(len(text.splitlines()) for text in texts)

    def requests_so_far(self) -> int:
        """How many requests the service has seen, tokens aside."""
        return sum(
            "/oauth2/" not in r.path and "openid" not in r.path
            for r in self.scoring.emulator.requests.all()
        )


@contextlib.contextmanager
def world(azurite: Azurite, switches: Mapping[str, Any]) -> Iterator[World]:
    """A world of its own."""
    with EmulatorServer(storage=azurite, clock="manual", switches=dict(switches)) as emulator:
        yield World(emulator, azurite)


@contextlib.contextmanager
def storage() -> Iterator[Azurite]:
    """A storage server with the container that datastore and shortcut show."""
    from azure.storage.blob import BlobServiceClient

    from airflow_provider_fabml.local.azurite import Azurite

    with Azurite() as azurite:
        with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
            client.create_container("trusted")
        yield azurite


def new_run_id() -> str:
    """A run id that no other run has, with the characters Airflow's own have."""
    return f"manual__{uuid.uuid4().hex[:12]}"
