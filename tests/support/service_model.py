"""A batch service as a value: it loses answers, hides new jobs for a while, and keeps what it likes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from airflow_provider_fabml.core.errors import AnswerLostError, PermanentError, TransientError
from airflow_provider_fabml.core.jobs.job import JobView
from airflow_provider_fabml.core.jobs.look_up import INVOCATION_TAG
from airflow_provider_fabml.core.service.flows import Target


class CrashedError(Exception):
    """The worker died around the POST."""


class Keeps(NamedTuple):
    """What the service stores of a request, and how far its clock is ahead."""

    uris: bool
    tags: bool
    skew: timedelta = timedelta()


class Service:
    """Answers what :class:`Submitter` asks of a client, and holds the rules of D1 against it."""

    def __init__(self, keeps: Keeps) -> None:
        self.keeps = keeps
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.key: Any = None  # what is asked for now
        self.outcomes: list[str] = []
        self.delay = 0
        self.unknown: Any = None  # the key of a POST whose outcome nobody looked up

    def add(self, key: Any, uri: str, tag: str) -> str:
        """A new job, as the service keeps it."""
        name = f"job-{len(self.jobs)}"
        self.jobs[name] = {
            "key": key,
            "uri": uri,
            "tag": tag,
            "status": "Running",
            "created": self.now + self.keeps.skew,
            "visible": self.now + timedelta(seconds=self.delay),
        }
        return name

    def target(self, *_: object) -> Target:
        """The one deployment there is."""
        return Target("https://scoring", "blue", "model")

    def with_asset_ids(self, body: dict[str, Any]) -> dict[str, Any]:
        """The request names no assets."""
        return body

    def invoke(
        self,
        _target: Target,
        body: dict[str, Any],
        *,
        seconds: float,
        not_after: datetime | None,
        **_: object,
    ) -> JobView:
        """Make a job, or not; tell, or not."""
        assert not_after is None or self.now <= not_after, "posted too late to hear of it"
        self.sleep(min(seconds, 5))
        assert self.unknown != self.key, "posted again before looking for the job of the last POST"
        properties = body["properties"]
        uri = properties["outputData"]["score"]["uri"]
        outcome = self.outcomes.pop() if self.outcomes else "ok"
        if outcome == "throttled":
            raise TransientError("throttled", status=429)
        if outcome == "refused":
            raise PermanentError("refused", status=400)
        name = ""
        if outcome in {"ok", "lost after it ran", "crash after it ran", "crash on its way"}:
            name = self.add(self.key, uri, properties["tags"][INVOCATION_TAG])
        if outcome == "crash on its way":  # it arrives as late as a POST may
            late = timedelta(seconds=seconds)
            self.jobs[name]["created"] += late
            self.jobs[name]["visible"] += late
        if outcome == "ok":
            return self.get_job(name)
        self.unknown = self.key
        raise CrashedError if outcome.startswith("crash") else AnswerLostError("lost")

    def get_job(self, name: str) -> JobView:
        """One job."""
        return JobView(name, self.jobs[name]["status"], "", "", {})

    def get_job_resource(self, name: str) -> dict[str, Any]:
        """One job, as the list has it."""
        return self._body(name, self.jobs[name])

    def cancel_job(self, name: str) -> bool:
        """Cancel at once."""
        self.jobs[name]["status"] = "Canceled"
        return True

    def list_jobs(self, _endpoint: str) -> list[dict[str, Any]]:
        """The visible jobs, as Resource Manager lists them."""
        self.unknown = None
        return [self._body(n, j) for n, j in self.jobs.items() if j["visible"] <= self.now]

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0
        self.now += timedelta(seconds=seconds)

    def _body(self, name: str, job: dict[str, Any]) -> dict[str, Any]:
        outputs = {"score": {"uri": job["uri"]}} if self.keeps.uris else None
        tags = {INVOCATION_TAG: job["tag"]} if self.keeps.tags and job["tag"] else {}
        return {
            "name": name,
            "properties": {"outputs": outputs, "tags": tags},
            "systemData": {"createdAt": job["created"].isoformat()},
        }
