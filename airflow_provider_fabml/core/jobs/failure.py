"""Why a job failed, from its run, its child runs and their logs, and what is likely to help.

The service tells little in one place: the job's own run names the failed nodes, a child run has the
error, and often only a child's log has the reason (reference: run history's recordings of 2022-11 and
2026-02; azureml-examples#2614). Nothing here raises, whatever JSON it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.core.errors import without_secrets
from airflow_provider_fabml.core.jobs.failure_causes import (
    A_STEP_FAILED,
    Cause,
    advice_for_code,
    cause_of,
)
from airflow_provider_fabml.core.jobs.job import CANCELED

if TYPE_CHECKING:
    from airflow_provider_fabml.core.retry_advice import RetryAdvice

_NO_REASON = "the service gave no reason"
# The parent's text names the steps: "… Failed nodes: /a, /b. For more …" (run history 2026-02).
_FAILED_NODES = re.compile(r"Failed nodes: (.+?)\.(?:\s|$)", re.DOTALL)
_LONGEST = 3000  # the service's own limit for a run's error
_DEEPEST = 20  # nested error codes


class FailureReason(NamedTuple):
    """The most telling error of a job.

    ``code`` is the service's codes from the outside in (``UserError/AuthorizationError``), ``step`` the
    child run's name or '', ``others`` further steps that failed. ``run_id`` and ``status`` are those of
    the run the error stands in. ``context`` is what else the error says and is not shown; ``lines`` are
    the telling lines of the step's logs, ``logs`` the names of logs that may say more.
    """

    code: str
    message: str
    step: str = ""
    others: tuple[str, ...] = ()
    run_id: str = ""
    status: str = ""
    context: str = ""
    lines: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()

    @property
    def cause(self) -> Cause | None:
        """The known cause, as the error tells it or, where that is general, the logs do."""
        told = cause_of(f"{self.code} {self.message} {self.context}")
        if told is None or told.general:
            return cause_of(" ".join(self.lines)) or told
        return told

    @property
    def remedy(self) -> str | None:
        """What is likely to help, for the known causes."""
        return self.cause.remedy if self.cause else None

    @property
    def advice(self) -> RetryAdvice:
        """Whether another job can end better."""
        return self.cause.advice if self.cause else advice_for_code(self.code)

    def text(self) -> str:
        """The reason in a few lines: code and message, other steps, the logs' words and names."""
        code = f"{self.code}: " if self.code else ""
        parts = [f"{code}{self.message}"]
        if self.others:
            parts.append(f"Further failed steps: {', '.join(self.others)}.")
        if self.lines:
            parts.append("From its logs:\n" + "\n".join(f"  {line}" for line in self.lines))
        if self.logs:
            parts.append(f"Its logs: {', '.join(self.logs)}.")
        return "\n".join(parts)


def failure_reason(run: object, children: Iterable[object]) -> FailureReason:
    """The most telling error of a job's own run and its child runs (deepest runs first).

    A failed run counts before a cancelled one, an error that names a cause before one that does not,
    and that before a general text; a child before its parent.
    """
    steps = [reason for child in children if (reason := _reason(child))]
    own = _reason(run)
    named = _named_nodes(own.message) if own else ()
    every = [*steps, own._replace(step="")] if own else steps
    if not every:
        return FailureReason("", _NO_REASON)
    best = min(every, key=_rank)
    if not best.step and named:
        best = best._replace(step=named[0])
    failed = [step.step for step in steps if step.step and step.status != CANCELED]
    others = dict.fromkeys((*failed, *named))
    return best._replace(others=tuple(name for name in others if name != best.step))


def _rank(reason: FailureReason) -> tuple[bool, int]:
    cause = reason.cause
    return reason.status == CANCELED, 1 if cause is None else 2 if cause.general else 0


def has_failed_children(run: object) -> bool:
    """Whether a run says no more than that runs below it failed."""
    reason = _reason(run)
    return reason is not None and reason.cause is A_STEP_FAILED


def run_id_of(run: object) -> str:
    """A run's id, or ''."""
    return _text(_mapping(run).get("runId"))


def _reason(run: object) -> FailureReason | None:
    """The error of one run, or None where it has none."""
    given = _mapping(run)
    error = _mapping(_mapping(given.get("error")).get("error"))
    if not error:
        return None
    return FailureReason(
        "/".join(_codes(error)),
        _message(error),
        _text(given.get("name")) or _text(given.get("displayName")),
        run_id=run_id_of(given),
        status=_text(given.get("status")),
        context=" ".join(word for word in _context(error) if word),
    )


def _message(error: Mapping[str, Any]) -> str:
    """The error's message with those of its details that say something new."""
    own = _text(error.get("message")) or _text(error.get("messageFormat"))
    texts = [own] if own else []
    for detail in _sequence(error.get("details")):
        more = _text(_mapping(detail).get("message"))
        if more and not any(more in text for text in texts):
            texts.append(more)
    return without_secrets(" | ".join(texts) or "no message")[:_LONGEST]


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    current, seen = error, 0
    while current and seen < _DEEPEST:
        code = _text(current.get("code"))
        if code:
            yield code
        current, seen = _mapping(current.get("innerError")), seen + 1


def _context(error: Mapping[str, Any]) -> Iterator[str]:
    """Words that tell the cause and are no text for people."""
    yield _text(error.get("referenceCode"))
    yield _text(_mapping(error.get("debugInfo")).get("message"))
    for detail in _sequence(error.get("details")):
        yield from _codes(_mapping(detail))


def _named_nodes(message: str) -> tuple[str, ...]:
    found = _FAILED_NODES.search(message)
    names = found.group(1).split(",") if found else []
    return tuple(name.strip().strip("/") for name in names if name.strip(" /"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
