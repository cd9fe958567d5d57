"""Why a job failed, from its run and its child runs, and what is likely to help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Texts of the service (troubleshooting page of batch endpoints, and field reports) and their remedies.
_LIKELY: tuple[tuple[str, str], ...] = (
    (
        "already exists",
        "the output path was taken; give every run its own (output_root does)",
    ),
    (
        "no succeeded mini batch item",
        "run() returned nothing for its files: look into the scoring script's log",
    ),
    (
        "no credentials",
        "let the compute's identity read the datastore (role Storage Blob Data Reader)",
    ),
    (
        "authorizationpermissionmismatch",
        "give the compute's identity Storage Blob Data Contributor on the container",
    ),
    ("datastoretypenotsupported", "outputs go to datastores of type Azure Blob only"),
    ("must be 'uri_file'", "a model deployment writes one UriFile"),
    ("quota", "the compute has no quota left: try later, or ask for fewer instances"),
    ("preempt", "low-priority nodes were taken away: try again"),
    ("no progress update", "the scoring script hung: look into its log, raise RetryTimeout"),
)


class FailureReason(NamedTuple):
    """``code`` and ``message`` of the deepest error known; ``step`` is the child run's name or ''."""

    code: str
    message: str
    step: str = ""

    @property
    def remedy(self) -> str | None:
        """What is likely to help, for the known causes."""
        text = f"{self.code} {self.message}".casefold()
        return next((advice for mark, advice in _LIKELY if mark in text), None)


def first_reason(run: Mapping[str, Any], children: Sequence[Mapping[str, Any]]) -> FailureReason:
    """The first child run's error, else the run's own."""
    for child in children:
        reason = _error(child)
        if reason is not None:
            return FailureReason(
                *reason, step=str(child.get("name") or child.get("displayName") or "")
            )
    own = _error(run)
    return FailureReason(*own) if own else FailureReason("", "the service gave no reason")


def _error(run: Mapping[str, Any]) -> tuple[str, str] | None:
    error = (run.get("error") or {}).get("error") or {}
    if not error:
        return None
    return str(error.get("code") or ""), str(error.get("message") or "no message")
