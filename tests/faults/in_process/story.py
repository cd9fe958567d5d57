"""What happened to one task instance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from faults.in_process.effects import Effect


class Intent(NamedTuple):
    """One invocation id as the task remembered it before its POST.

    ``epoch`` counts the reasons for another job until then: Clears, failed jobs, other inputs.
    """

    epoch: int
    at: str


class Undecided(NamedTuple):
    """A try that left the decision to a person: the intent it looked for, and what it logged."""

    intent: Intent
    text: str


class Died(NamedTuple):
    """Where a process was killed."""

    point: str
    effect: str
    moment: str


@dataclass
class Story:
    """Filled while a plan is carried out; ``log`` has one text for each process."""

    run_id: str
    input_uri: str
    state: str = "running"
    result: Any = None
    epoch: int = 0
    kills: list[Died] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    since_kill: int = 0
    """How many effects there were when the last process died."""
    intents: dict[str, Intent] = field(default_factory=dict)
    undecided: list[Undecided] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    ended_by_person: set[int] = field(default_factory=set)
    """Epochs whose job a person had cancelled, by a Clear of which Airflow then kept no trace."""
    requests: int = 0

    def epoch_of(self, job: dict[str, Any]) -> int:
        """The epoch of a job's invocation; -1 for a job that this task never meant to start."""
        intent = self.intents.get(job["request_id"])
        return intent.epoch if intent else -1

    @property
    def newest_intent(self) -> Intent:
        """What a look-up looks for."""
        return next(reversed(self.intents.values()))

    def note_intent(self, record: Any) -> None:
        """Remember what the task remembers before a POST."""
        if isinstance(record, dict) and record.get("invocation_id") and not record.get("job"):
            name = record["invocation_id"]
            epoch = self.intents[name].epoch if name in self.intents else self.epoch
            self.intents[name] = Intent(epoch, record["intended_at"])
