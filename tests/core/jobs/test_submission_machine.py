"""Whatever happens to tries, answers and jobs, a scoring is submitted once (D1, D2).

The product's own submitter walks ``core.submission`` against a service that is a value, through
retries, Clears, changed inputs, dead workers, lost answers and jobs that end in any way.
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from airflow_provider_fabml.clients.plan import Plan
from airflow_provider_fabml.clients.submitter import Submitter
from airflow_provider_fabml.core.errors import FabmlError
from airflow_provider_fabml.core.jobs.known import Limits
from airflow_provider_fabml.core.jobs.record import Situation
from airflow_provider_fabml.core.options import deadline_of, post_time_of
from airflow_provider_fabml.core.scoring.invocation import digest, parse_invocation
from airflow_provider_fabml.core.scoring.job_io import UriFile, UriFolder
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity

sys.path.insert(0, str(Path(__file__).parent))
from support.service_model import CrashedError, Keeps, Service

PLACE = "azureml://datastores/trusted_blob/paths"
OUTCOMES = st.sampled_from(
    ["ok", "throttled", "refused", "crash on its way"]
    + [f"{what} {when} it ran" for what in ("lost", "crash") for when in ("before", "after")]
)


class Memory:
    """The task state store."""

    value: dict[str, Any] | None = None

    def load(self) -> dict[str, Any] | None:
        """The stored value."""
        return self.value

    def save(self, value: dict[str, Any]) -> None:
        """Replace it."""
        self.value = value

    def forget(self) -> None:
        """Drop it."""
        self.value = None


class Submission(RuleBasedStateMachine):
    """One task instance and its jobs."""

    @initialize(
        uris=st.booleans(),
        tags=st.booleans(),
        skew=st.integers(-120, 120),
        explicit=st.booleans(),
        cancel=st.booleans(),
        limit=st.sampled_from([None, 40, 200, 2000]),
    )
    def begin(
        self, *, uris: bool, tags: bool, skew: int, explicit: bool, cancel: bool, limit: int | None
    ) -> None:
        """Draw the service's unknowns and the DAG author's choices."""
        ahead = timedelta() if explicit else timedelta(seconds=skew)
        self.service = Service(Keeps(uris, tags, ahead))
        self.memory, self.cancel = Memory(), cancel
        self.outputs = {"score": UriFile(f"{PLACE}/fixed.csv")} if explicit else None
        self.try_number, self.max_tries, self.version, self.clears = 1, 2, 0, 0
        self.retries, self.others_cleared = 2, 0
        self.edited = self.about_to_run_again = False
        self.limit = None if limit is None else timedelta(seconds=limit)

    @rule(
        outcomes=st.lists(OUTCOMES, max_size=4),
        delay=st.one_of(st.just(0), st.integers(45, 55)),
        pause=st.one_of(st.integers(1, 5), st.integers(1, 400)),
    )
    def execute(self, outcomes: list[str], delay: int, pause: int) -> None:
        """A worker runs the task; in the same try again after a hand-over between workers."""
        service = self.service
        service.sleep(pause)
        self.about_to_run_again = False
        self.began = service.now
        service.outcomes, service.delay, service.key = outcomes, delay, self.key
        with suppress(FabmlError, CrashedError):
            submitted = Submitter(
                service,  # type: ignore[arg-type]
                self.memory,
                self.plan(),
                sleep=service.sleep,
                now=lambda: service.now,
            ).submit()
            job = service.jobs[submitted.handle.job_name]
            assert job["key"] == self.key, "another job's result"
            limited = submitted.deadline is not None
            assert limited == (self.limit is not None), "a try without its deadline"

    @rule()
    def retry(self) -> None:
        """The next try begins."""
        self.try_number += 1

    @rule()
    def clear(self) -> None:
        """A person clears the task: Airflow computes ``max_tries`` anew and the next try begins."""
        self.try_number, self.max_tries = self.try_number + 1, self.try_number + self.retries
        self.clears += 1
        self.about_to_run_again = True

    # Known and told: with another task cleared, or between a Clear and its try, an edit of `retries` by
    # just the number of tries makes a retry look like a Clear, or a Clear like a retry.
    @precondition(lambda self: not self.others_cleared and not self.about_to_run_again)
    @rule(retries=st.integers(0, 4))
    def edit_retries(self, retries: int) -> None:
        """The DAG file says another number from now on; Airflow leaves ``max_tries`` alone."""
        self.retries, self.edited = retries, True

    @precondition(lambda self: not self.edited)
    @rule()
    def clear_another_task(self) -> None:
        """A person clears something else in the same run."""
        self.others_cleared += 1

    @rule()
    def render_other_inputs(self) -> None:
        """The upstream value changed, in the same try too."""
        self.version += 1

    @rule(status=st.sampled_from(["Completed", "Failed", "Canceled", "Paused"]))
    def end(self, status: str) -> None:
        """Every running job comes to this."""
        for job in self.service.jobs.values():
            if job["status"] in {"Running", "Paused"}:
                job["status"] = status

    @rule()
    def another_run_writes(self) -> None:
        """Another DAG run's job, to the same explicit place, while no outcome of ours is open."""
        record = self.memory.value
        if record is None or record["job"] is not None:
            self.service.delay = 0
            uri = f"{PLACE}/fixed.csv" if self.outputs else f"{PLACE}/root/other/predictions.csv"
            self.service.add(None, uri, "another")

    @invariant()
    def nobody_pays_twice(self) -> None:
        """What was asked for once has at most one job that did not fail, and a place of its own."""
        mine = list(getattr(self, "service", Service(Keeps(True, True))).jobs.values())
        live = Counter(j["key"] for j in mine if j["status"] not in {"Failed", "Canceled"})
        assert all(count == 1 for key, count in live.items() if key is not None)
        places = {(j["uri"], j["key"]) for j in mine if j["key"] is not None}
        if getattr(self, "outputs", None) is None:
            assert len({uri for uri, _ in places}) == len(places), "two requests share a folder"

    @property
    def key(self) -> tuple[int, int]:
        """What a person would call one request: a Clear and a change of inputs begin another."""
        return self.clears, self.version

    def plan(self) -> Plan:
        """What the operator would ask for now."""
        invocation = parse_invocation(
            endpoint_name="heart-classifier",
            inputs={"heart": UriFolder(f"{PLACE}/heart-{self.version}")},
            outputs=self.outputs,
            output_root=f"{PLACE}/root",
        )
        return Plan(
            invocation=invocation,
            stated_kind="model",
            identity=RunIdentity("d", "r", "t"),
            situation=Situation(
                self.try_number,
                self.max_tries,
                digest(invocation),
                self.retries,
                self.clears + self.others_cleared,
            ),
            tags={},
            description="",
            before_post=lambda *_: {},
            limits=Limits(
                deadline=deadline_of(self.began, self.limit),
                post_time=post_time_of(self.limit, timedelta(seconds=70)),
                cancel_before=self.cancel,
            ),
        )


Submission.TestCase.settings = settings(
    deadline=None,
    max_examples=300,
    stateful_step_count=25,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
test_a_scoring_is_submitted_once = Submission.TestCase
