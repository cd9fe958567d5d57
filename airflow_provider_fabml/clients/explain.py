"""Asks why a job failed: as much as can be read, and nothing of it is required."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_fabml.core.errors import FabmlError
from airflow_provider_fabml.core.jobs.failure import (
    FailureReason,
    failure_reason,
    has_failed_children,
    run_id_of,
)
from airflow_provider_fabml.core.jobs.failure_logs import telling_lines, telling_logs
from airflow_provider_fabml.core.service import failure_flows

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_fabml.core.service.flows import Site
    from airflow_provider_fabml.core.service.http import Flow

log = logging.getLogger(__name__)
T = TypeVar("T")
# A pipeline in a pipeline is opened so often; a log is read, and a log is named, so often.
_PIPELINES, _LOGS_READ, _LOGS_NAMED = 5, 2, 3


class Explainer:
    """One job's failure. ``run`` drives a flow; ``api`` is the region's service API."""

    def __init__(self, run: Callable[[Flow[Any]], Any], site: Site, api: str) -> None:
        self._run, self._site, self._api = run, site, api

    def explain(self, job_name: str) -> FailureReason:
        """The reason as far as it can be read.

        Raises ``FabmlError`` only where neither the job's run nor its child runs can be read.
        """
        children, refusal = self._children(job_name), None
        try:
            own = self._run(failure_flows.run_of(self._site, self._api, job_name))
        except FabmlError as error:
            own, refusal = None, error
        if refusal is not None and not children:
            raise refusal
        return self._with_logs(failure_reason(own, children))

    def _children(self, job_name: str) -> list[Any]:
        """The child runs, those of pipelines within the pipeline first."""
        found: list[Any] = []
        waiting = [job_name]
        for _ in range(_PIPELINES):
            if not waiting:
                break
            flow = failure_flows.children_of(self._site, self._api, waiting.pop(0))
            level = self._try(flow, [])
            found = [*level, *found]
            waiting += [run_id_of(run) for run in level if has_failed_children(run)]
        return found

    def _with_logs(self, reason: FailureReason) -> FailureReason:
        """The reason with what the failed step's logs add, where they may add something."""
        if not reason.run_id or not (reason.cause is None or reason.cause.in_logs):
            return reason
        flow = failure_flows.log_files_of(self._site, self._api, reason.run_id)
        logs = telling_logs(self._try(flow, None))
        lines: dict[str, None] = {}
        for _name, url in logs[:_LOGS_READ]:
            lines |= dict.fromkeys(telling_lines(self._try(failure_flows.log_text(url), "")))
        return reason._replace(
            lines=tuple(lines), logs=tuple(name for name, _ in logs[:_LOGS_NAMED])
        )

    def _try(self, flow: Flow[T], otherwise: T) -> T:
        try:
            result: T = self._run(flow)
        except FabmlError as error:
            log.debug("Explaining the failure: %s", error.what)
            return otherwise
        return result
