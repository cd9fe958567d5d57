"""Run one task as a worker and a triggerer do, with Airflow's own code and without a database.

The supervisor's side of the conversation (connections, XComs, task state) is a few dictionaries;
everything else is the task runner of the Task SDK: templates, execute, defer, resume, retries.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from support.meanwhile import alarm_of_ones_own

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from airflow.sdk import BaseOperator
    from airflow.triggers.base import BaseTrigger, TriggerEvent

_STARTED = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class TaskOutcome:
    """What one phase, or all phases, of a task left behind.

    `state` is Airflow's word (``success``, ``failed``, ``deferred``, ``up_for_retry``,
    ``up_for_reschedule``, ``skipped``); `message` what the runner told the supervisor; `error` the
    exception; `sent` every message of the task; `log` one line per record, exceptions included.
    """

    state: str
    message: Any
    error: BaseException | None
    xcoms: dict[str, Any]
    store: dict[str, Any]
    sent: list[Any]
    log: list[str]
    phases: list[str] = field(default_factory=list)

    @property
    def result(self) -> Any:
        """The value the task returned."""
        return self.xcoms.get("return_value")

    @property
    def text(self) -> str:
        """The whole log, for searching."""
        return "\n".join(self.log)


class Supervisor:
    """The other end of the task's channel.

    `task_states` is what `GetTaskStates` answers; `alive` are the ids of DAG runs that are not over.
    """

    def __init__(self, connections: Mapping[str, Mapping[str, Any]], store: dict[str, Any]) -> None:
        self.connections, self.store = connections, store
        self.xcoms: dict[str, Any] = {}
        self.upstream: dict[tuple[str, str], Any] = {}
        self.task_states: dict[str, Any] = {}
        self.alive: Collection[str] = ()
        self.first_start: datetime | None = None
        self.sent: list[Any] = []

    def send(self, msg: Any) -> Any:
        """Answer one message; those that only inform are kept and answered with None."""
        self.sent.append(msg)
        handler = getattr(self, f"_{type(msg).__name__}", None)
        return handler(msg) if handler else None

    async def asend(self, msg: Any) -> Any:
        """Answer one message of the triggerer."""
        return self.send(msg)

    def _GetConnection(self, msg: Any) -> Any:  # noqa: N802 (named after the message)
        from airflow.sdk.execution_time import comms

        found = self.connections.get(msg.conn_id)
        if found is None:
            return comms.ErrorResponse(error=comms.ErrorType.CONNECTION_NOT_FOUND)
        row = dict.fromkeys(("host", "schema", "login", "password", "port", "extra")) | dict(found)
        if isinstance(row["extra"], dict):
            row["extra"] = json.dumps(row["extra"])
        return comms.ConnectionResult(**row, conn_id=msg.conn_id)

    def _SetXCom(self, msg: Any) -> None:  # noqa: N802
        self.xcoms[msg.key] = msg.value

    def _GetXCom(self, msg: Any) -> Any:  # noqa: N802
        from airflow.sdk.execution_time import comms

        own = self.xcoms.get(msg.key)
        return comms.XComResult(key=msg.key, value=self.upstream.get((msg.task_id, msg.key), own))

    def _SetTaskStateStore(self, msg: Any) -> Any:  # noqa: N802
        from airflow.sdk.execution_time import comms

        self.store[msg.key] = json.loads(json.dumps(msg.value))
        return comms.OKResponse(ok=True)

    def _GetTaskStateStore(self, msg: Any) -> Any:  # noqa: N802
        from airflow.sdk.execution_time import comms

        if msg.key in self.store:
            return comms.TaskStateStoreResult(value=copy.deepcopy(self.store[msg.key]))
        return comms.ErrorResponse(error=comms.ErrorType.TASK_STORE_NOT_FOUND)

    def _DeleteTaskStateStore(self, msg: Any) -> None:  # noqa: N802
        self.store.pop(msg.key, None)

    def _ClearTaskStateStore(self, msg: Any) -> None:  # noqa: N802
        self.store.clear()

    def _GetTaskStates(self, msg: Any) -> Any:  # noqa: N802
        from airflow.sdk.execution_time import comms

        return comms.TaskStatesResult(task_states=self.task_states)

    def _GetDRCount(self, msg: Any) -> Any:  # noqa: N802
        from airflow.sdk.execution_time import comms

        assert sorted(msg.states) == ["queued", "running"]
        return comms.DRCount(count=len({*msg.run_ids} & {*self.alive}))

    def _GetTaskRescheduleStartDate(self, msg: Any) -> Any:  # noqa: N802
        from airflow.sdk.execution_time import comms

        return comms.TaskRescheduleStartDate(start_date=self.first_start)

    def _ValidateInletsAndOutlets(self, msg: Any) -> Any:  # noqa: N802
        from airflow.sdk.execution_time import comms

        return comms.InactiveAssetsResult(inactive_assets=[])

    def _GetPrevSuccessfulDagRun(self, msg: Any) -> Any:  # noqa: N802
        from airflow.sdk.execution_time import comms

        return comms.PrevSuccessfulDagRunResult()


@contextlib.contextmanager
def supervised(supervisor: Supervisor) -> Iterator[Supervisor]:
    """Let the Task SDK of this process talk to `supervisor`, as on a worker."""
    from airflow.sdk.execution_time import task_runner

    absent = object()
    before = getattr(task_runner, "SUPERVISOR_COMMS", absent)
    task_runner.SUPERVISOR_COMMS = supervisor
    try:
        yield supervisor
    finally:
        if before is absent:
            del task_runner.SUPERVISOR_COMMS
        else:
            task_runner.SUPERVISOR_COMMS = before


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextlib.contextmanager
def captured_log() -> Iterator[list[str]]:
    """Collect what the task logs, through structlog (`self.log`) and the standard library."""
    lines: list[str] = []
    handler = _Lines(lines)
    logging.getLogger().addHandler(handler)

    def collect(_logger: Any, method: str, record: dict[str, Any]) -> Any:
        lines.append(_line(method, dict(record)))
        raise structlog.DropEvent

    processors = structlog.get_config()["processors"]
    before = list(processors)
    processors[:] = [structlog.processors.format_exc_info, collect]
    try:
        yield lines
    finally:
        processors[:] = before
        logging.getLogger().removeHandler(handler)


def _line(method: str, record: dict[str, Any]) -> str:
    event, args = str(record.pop("event", "")), record.pop("positional_args", ())
    with contextlib.suppress(TypeError, ValueError):
        event = event % args if args else event
    extra = " ".join(f"{name}={value}" for name, value in record.items())
    return f"{method.upper()} {event} {extra}".rstrip()


def run_task(
    operator: BaseOperator,
    *,
    run_id: str = "manual__1",
    try_number: int = 1,
    max_tries: int = 0,
    map_index: int = -1,
    logical_date: datetime | None = None,
    partition_key: str | None = None,
    connections: Mapping[str, Mapping[str, Any]] | None = None,
    state_store: dict[str, Any] | None = None,
    next_method: str | None = None,
    next_kwargs: dict[str, Any] | None = None,
    reschedules: int = 0,
    start_date: datetime = _STARTED,
    clear_number: int = 0,
    consumed: Sequence[Mapping[str, Any]] = (),
    consumed_key: str | None = None,
    supervisor: Supervisor | None = None,
) -> TaskOutcome:
    """Run one phase of a task: from the start, or from `next_method` after a deferral.

    :param connections: ``{conn_id: {"conn_type": ..., "host": ..., "extra": {...}}}``.
    :param state_store: the task state store, changed in place; share it between tries.
    :param next_kwargs: plain values, e.g. ``{"event": {...}}``.
    :param clear_number: how often tasks of the DAG run were cleared.
    :param consumed: the ``extra`` of each asset event that the run goes back to.
    :param consumed_key: the partition of those events, where a mapper gave the run another.
    :param supervisor: keeps XComs over phases; a new one if absent.
    """
    from airflow.sdk.execution_time.task_runner import run
    from airflow.sdk.serde import serialize

    store = state_store if state_store is not None else {}
    supervisor = supervisor or Supervisor(connections or {}, store)
    with alarm_of_ones_own(), supervised(supervisor), captured_log() as log:
        ti = make_task_instance(
            operator,
            run_id=run_id,
            try_number=try_number,
            max_tries=max_tries,
            map_index=map_index,
            logical_date=logical_date,
            partition_key=partition_key,
            next_method=next_method,
            next_kwargs=serialize(next_kwargs) if next_kwargs is not None else None,
            reschedules=reschedules,
            start_date=start_date,
            clear_number=clear_number,
            consumed=consumed,
            consumed_key=consumed_key,
        )
        state, message, error = run(ti, ti.get_template_context(), structlog.get_logger())
    return TaskOutcome(
        str(state.value),
        message,
        error,
        supervisor.xcoms,
        supervisor.store,
        supervisor.sent,
        log,
        [str(state.value)],
    )


def _event(extra: Mapping[str, Any], at: datetime, key: str | None) -> Any:
    """An asset event as the API server tells a task of it."""
    from airflow.sdk.api.datamodels._generated import (
        AssetEventDagRunReference,
        AssetReferenceAssetEventDagRun,
    )

    asset = AssetReferenceAssetEventDagRun(name="due", uri="due", extra={})
    source = dict.fromkeys(
        f"source_{name}" for name in ("task_id", "dag_id", "run_id", "map_index")
    )
    return AssetEventDagRunReference(
        asset=asset,
        extra=json.loads(json.dumps(extra)),
        source_aliases=[],
        timestamp=at,
        partition_key=key,
        **source,
    )


def make_task_instance(
    operator: BaseOperator,
    *,
    run_id: str,
    try_number: int,
    max_tries: int,
    map_index: int,
    logical_date: datetime | None,
    partition_key: str | None,
    next_method: str | None,
    next_kwargs: Any,
    reschedules: int,
    start_date: datetime,
    clear_number: int = 0,
    consumed: Sequence[Mapping[str, Any]] = (),
    consumed_key: str | None = None,
) -> Any:
    """Make the runtime task instance that the task runner gets from the API server."""
    from airflow.sdk import DAG
    from airflow.sdk.api.datamodels._generated import (
        DagRun,
        DagRunState,
        DagRunType,
        TIRunContext,
    )
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    if not operator.has_dag():
        DAG("a_dag", schedule=None).add_task(operator)
    # Rendering writes into the operator; a worker parses a new one for every phase.
    task = copy.copy(operator)
    dag_run = DagRun(
        dag_id=task.dag_id,
        run_id=run_id,
        logical_date=logical_date,
        data_interval_start=logical_date,
        data_interval_end=logical_date,
        start_date=_STARTED,
        end_date=None,
        run_after=_STARTED,
        run_type=DagRunType.MANUAL,
        state=DagRunState.RUNNING,
        consumed_asset_events=[
            _event(extra, start_date, consumed_key or partition_key) for extra in consumed
        ],
        clear_number=clear_number,
        partition_key=partition_key,
        partition_date=None,
    )
    context = TIRunContext(
        dag_run=dag_run,
        max_tries=max_tries,
        task_reschedule_count=reschedules,
        should_retry=max_tries >= try_number,
        next_method=next_method,
        next_kwargs=next_kwargs,
    )
    return RuntimeTaskInstance.model_construct(
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"{task.dag_id}/{run_id}/{task.task_id}/{map_index}"),
        task_id=task.task_id,
        dag_id=task.dag_id,
        run_id=run_id,
        try_number=try_number,
        map_index=map_index,
        hostname="worker",
        dag_version_id=uuid.uuid4(),
        task=task,
        _ti_context_from_server=context,
        max_tries=max_tries,
        start_date=start_date,
        state="running",
    )


def make_trigger(message: Any) -> BaseTrigger:
    """Make the trigger of a deferral from its stored form, through JSON as the database does."""
    from airflow.sdk.module_loading import import_string
    from airflow.sdk.serde import deserialize

    kwargs = json.loads(json.dumps(message.trigger_kwargs))
    trigger = import_string(message.classpath)(**deserialize(kwargs))
    classpath, again = trigger.serialize()
    assert classpath == message.classpath
    assert json.loads(json.dumps(again)) == again, "a trigger's arguments are JSON"
    return trigger


async def first_event(trigger: BaseTrigger) -> TriggerEvent | None:
    """Run a trigger until its first event, then clean it up as the triggerer does."""
    events = trigger.run()
    try:
        async for event in events:
            return event
        return None
    finally:
        await events.aclose()
        await trigger.cleanup()


def run_to_end(
    operator: BaseOperator,
    *,
    connections: Mapping[str, Mapping[str, Any]] | None = None,
    state_store: dict[str, Any] | None = None,
    timeout: float = 60,
    alive: Collection[str] = (),
    **phase: Any,
) -> TaskOutcome:
    """Run a task over deferrals (with its real trigger) and reschedules until it ends.

    :param timeout: seconds after which this gives up with `TimeoutError`.
    :param alive: ids of DAG runs that are queued or running, as Airflow tells when it is asked.
    :param phase: further keywords of `run_task`.
    """
    ends = time.monotonic() + timeout
    supervisor = Supervisor(connections or {}, state_store if state_store is not None else {})
    supervisor.first_start, supervisor.alive = datetime.now(UTC), alive
    log: list[str] = []
    phases: list[str] = []
    following: dict[str, Any] = {}
    while True:
        outcome = run_task(operator, supervisor=supervisor, **phase, **following)
        log += outcome.log
        phases.append(outcome.state)
        left = ends - time.monotonic()
        if outcome.state == "deferred":
            following = _triggered(outcome.message, supervisor, left, log)
        elif outcome.state == "up_for_reschedule":
            wait = (outcome.message.reschedule_date - datetime.now(UTC)).total_seconds()
            if wait > left:
                raise TimeoutError(f"rescheduled in {wait:.0f} s")
            time.sleep(max(wait, 0))
            following = {"reschedules": following.get("reschedules", 0) + 1}
        else:
            outcome.log, outcome.phases = log, phases
            return outcome


def resume(operator: BaseOperator, deferred: TaskOutcome, supervisor: Supervisor) -> TaskOutcome:
    """Go on with a deferred task: its real trigger, then the worker."""
    following = _triggered(deferred.message, supervisor, 60, deferred.log)
    return run_task(operator, supervisor=supervisor, **following)


def _triggered(message: Any, supervisor: Supervisor, left: float, log: list[str]) -> dict[str, Any]:
    """Run the trigger and say how the worker goes on, as the scheduler does."""
    from airflow.sdk.serde import deserialize

    with supervised(supervisor), captured_log() as lines:
        trigger = make_trigger(message)
        try:
            event = asyncio.run(asyncio.wait_for(first_event(trigger), max(left, 0.1)))
        finally:
            log += lines
    kept = deserialize(message.next_kwargs) if message.next_kwargs else {}
    if event is None:
        return {"next_method": "__fail__", "next_kwargs": {"error": "Trigger exited without event"}}
    return {"next_method": message.next_method, "next_kwargs": {**kept, "event": event.payload}}
