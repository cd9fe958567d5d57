"""What keeps failing in a watcher is said once, until it changes."""

from __future__ import annotations

import logging

from airflow_provider_fabml.core.errors import FabmlError, TransientError

log = logging.getLogger(__name__)


class Standing:
    """How something that is tried for ever stands: `failures` in a row, and what was said of them.

    :param what: what cannot be done while it fails, e.g. ``Arrivals in X cannot be seen``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self.failures = 0
        self._complaint: str | None = None

    def failed(self, error: Exception) -> None:
        """Count a failure, and say what is wrong with its remedy, unless that was said last."""
        self.failures += 1
        complaint = str(error) if isinstance(error, FabmlError) else repr(error)
        if complaint != self._complaint:
            level = logging.WARNING if isinstance(error, TransientError) else logging.ERROR
            log.log(level, "%s: %s", self._what, complaint)
        self._complaint = complaint

    def succeeded(self, again: str) -> None:
        """Forget failures, and say `again` where there were some."""
        if self.failures:
            log.info("%s", again)
        self.failures, self._complaint = 0, None
