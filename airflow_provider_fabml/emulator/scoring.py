"""The arithmetic of a parallel run: mini-batches, attempts, the error threshold. Pure.

Source: "Deploy models for scoring in batch endpoints" and its troubleshooting page: a mini-batch
counts files; a mini-batch that fails is tried ``max_retries`` times more; then its files count as
failed; more failed files than ``error_threshold`` fail the job, -1 tolerates all.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTHING_SUCCEEDED = (
    "No succeeded mini batch item returned from run(). Please check 'response: run()' in "
    "https://aka.ms/batch-inference-documentation."
)
RUN_FAILED = (
    "User program failed with Exception: Run failed. Please check logs for details. "
    "You can check logs/readme.txt for the layout of logs."
)
OUTPUT_EXISTS = "the path already exists"


def mini_batches(files: list[str], size: int) -> list[list[str]]:
    """Split ``files`` into batches of ``size``; the last may be smaller."""
    return [files[start : start + size] for start in range(0, len(files), size)]


@dataclass(frozen=True)
class Tally:
    """What became of the files so far."""

    succeeded: int = 0
    failed: int = 0
    cause: str = ""
    """The last failure, as the script told it."""

    def plus(self, files: int, returned: int | None, cause: str = "") -> Tally:
        """Add a mini-batch of ``files``; ``returned`` is None where it failed for good.

        A mini-batch that returns fewer items than it has files failed for the difference.
        """
        good = 0 if returned is None else min(files, returned)
        return Tally(self.succeeded + good, self.failed + files - good, cause or self.cause)

    def exceeds(self, threshold: int) -> bool:
        """Return whether more files failed than the threshold tolerates."""
        return threshold >= 0 and self.failed > threshold

    def verdict(self, threshold: int) -> str | None:
        """Return why the job failed, or None when it succeeded."""
        if self.exceeds(threshold):
            return self._because(RUN_FAILED)
        if self.succeeded == 0:
            return self._because(NOTHING_SUCCEEDED)
        return None

    def _because(self, text: str) -> str:
        return f"{text} {self.cause}".strip()
