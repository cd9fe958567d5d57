"""What many runs came to, as one table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from faults.in_process.effects import POINTS

if TYPE_CHECKING:
    from faults.in_process.plans import Plan
    from faults.in_process.story import Story
    from faults.in_process.verdict import Verdict


@dataclass
class Tally:
    """Sums over runs; two of them add up."""

    sums: Counter[str] = field(default_factory=Counter)
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    jobs_per_attempt: Counter[int] = field(default_factory=Counter)

    def add(self, plan: Plan, story: Story, verdict: Verdict) -> None:
        """Count one run."""
        mode = "deferrable" if plan.deferrable else "sync"
        self.sums["runs"] += 1
        self.sums[f"runs {mode}"] += 1
        self.kills.update((point, mode) for point, _, _ in story.kills)
        attempts = Counter(epoch for epoch in verdict.job_epochs)
        self.jobs_per_attempt.update(attempts.values())
        self.sums["jobs"] += verdict.jobs
        self.sums["duplicates"] += verdict.duplicates
        self.sums["lost"] += verdict.lost
        self.sums["undecided errors"] += len(story.undecided)
        self.sums["requests"] += story.requests
        self.sums["failed runs"] += bool(verdict.faults)

    def __add__(self, other: Tally) -> Tally:
        """Both."""
        return Tally(
            self.sums + other.sums,
            self.kills + other.kills,
            self.jobs_per_attempt + other.jobs_per_attempt,
        )

    def table(self) -> str:
        """Lines to print."""
        width = max(map(len, POINTS))
        lines = [f"{'killed with SIGKILL':{width}}  {'sync':>6} {'deferrable':>11}"]
        for point in POINTS:
            sync, deferred = self.kills[point, "sync"], self.kills[point, "deferrable"]
            lines.append(f"{point:{width}}  {sync:6} {deferred:11}")
        sync, deferred = (
            sum(n for (_, mode), n in self.kills.items() if mode == wanted)
            for wanted in ("sync", "deferrable")
        )
        lines.append(f"{'kills in all':{width}}  {sync:6} {deferred:11}")
        lines.append(
            f"{'runs':{width}}  {self.sums['runs sync']:6} {self.sums['runs deferrable']:11}"
        )
        return "\n".join([*lines, *self._sums()])

    def _sums(self) -> list[str]:
        jobs = max(self.sums["jobs"], 1)
        per = ", ".join(f"{n} x {count}" for n, count in sorted(self.jobs_per_attempt.items()))
        return [
            f"jobs per attempt (jobs x attempts): {per}",
            f"jobs {self.sums['jobs']}, duplicates {self.sums['duplicates']}, lost {self.sums['lost']}, "
            f"undecided errors {self.sums['undecided errors']}, failed runs {self.sums['failed runs']}",
            f"requests per job: {self.sums['requests'] / jobs:.1f}",
        ]
