"""Whether another try of a task can help, as a value that travels with an error."""

from __future__ import annotations

from typing import NamedTuple

# Seconds. Nobody waits longer on a server's word: Resource Manager refills its buckets within the
# hour (learn.microsoft.com "Understand how Azure Resource Manager throttles requests").
LONGEST_DELAY = 3600.0


class RetryAdvice(NamedTuple):
    """``again`` is True (it may pass), False (somebody must mend something first) or None (unknown).

    ``delay`` is the seconds to wait before the next try; None leaves them to the task's own settings.
    ``why`` is one phrase for the log.
    """

    again: bool | None = None
    delay: float | None = None
    why: str = ""

    def bounded(self) -> RetryAdvice:
        """The same, with a delay of at most ``LONGEST_DELAY``."""
        return self if self.delay is None else self._replace(delay=min(self.delay, LONGEST_DELAY))


UNKNOWN = RetryAdvice()


def is_last_try(try_number: int, max_tries: int, *, refused: bool) -> bool:
    """Whether no other try follows one that fails (Airflow 3.3, ``_is_eligible_to_retry``).

    ``refused``: the task's retry policy said no to another.
    """
    return refused or try_number > max_tries
