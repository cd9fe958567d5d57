"""azure-core's retries of reads, kept short: a longer wait is the business of whoever asked."""

from __future__ import annotations

from typing import Any

from azure.core.pipeline.policies import AsyncRetryPolicy, RetryPolicy

from airflow_provider_fabml.clients.transport_errors import untrusted_certificate

# Seconds. A ``Retry-After`` beyond it is told to the caller (``TransientError.retry_after``), who
# has a deadline, hears a kill, and may hold no worker meanwhile.
LONGEST_WAIT = 5.0


class _Brief:
    """What both policies share."""

    def is_retry(self, settings: Any, response: Any) -> bool:
        """Whether to send again: not before a long ``Retry-After`` has passed."""
        wait = self.get_retry_after(response) or 0.0  # type: ignore[attr-defined]
        return bool(wait <= LONGEST_WAIT and super().is_retry(settings, response))  # type: ignore[misc]

    def increment(self, settings: Any, response: Any = None, error: Any = None) -> bool:
        """Count a failure; a certificate that is not trusted will not be a second later."""
        if error is not None and untrusted_certificate(error):
            return False
        return bool(super().increment(settings, response, error))  # type: ignore[misc]


class BriefRetryPolicy(_Brief, RetryPolicy[Any, Any]):
    """For a thread."""


class AsyncBriefRetryPolicy(_Brief, AsyncRetryPolicy[Any, Any]):
    """For an event loop."""
