"""The process a task, or a trigger, runs in: it asks before and tells after everything it does."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from faults.in_process.effects import Sending
from support.task_runner import (
    Supervisor,
    captured_log,
    first_event,
    make_trigger,
    run_task,
    supervised,
)

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


# How long after its intent a POST may start; how long it then takes, the connection says.
SEND_WINDOW = timedelta(seconds=1)


@dataclass(frozen=True)
class Work:
    """A worker's turn: the task from its start, or from ``next_method`` on."""

    operator: dict[str, Any]
    """Keywords of the operator."""
    settle: float
    """Seconds a job may stay out of lists."""
    phase: dict[str, Any]
    """Further keywords of ``run_task``."""


@dataclass(frozen=True)
class Wait:
    """A triggerer's turn: the trigger of a deferral until its first event."""

    message: Any
    """The task's ``DeferTask``."""


@dataclass(frozen=True)
class KillHook:
    """A triggerer's turn after a person ended the task: the trigger's ``on_kill``."""

    message: Any
    task_instance: dict[str, Any] = field(default_factory=dict)


class Door:
    """The way out of this process. Every question waits for leave to go on."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def ask(self, kind: str, value: Any) -> Any:
        """Tell and wait; the process may never come back from here."""
        with self._lock:
            self._connection.send((kind, value))
            return self._connection.recv()


class _Remote(Supervisor):
    """The supervisor's end lies in the harness, which outlives this process."""

    def __init__(self, door: Door) -> None:
        super().__init__({}, {})
        self._door = door

    def send(self, msg: Any) -> Any:
        """Let the harness answer."""
        return self._door.ask("message", msg)


def serve(connection: Connection, turn: Work | Wait | KillHook) -> None:
    """Do one turn. The whole program of the process."""
    door = Door(connection)
    logging.getLogger().handlers.clear()  # what is logged goes to the harness, not to its terminal
    try:
        _watch_requests(door)
        _watch_aiohttp(door)
        text = _DO[type(turn)](turn, door, _Remote(door))
    except BaseException:
        door.ask("broken", traceback.format_exc())
        raise
    door.ask("over", text)


def _work(turn: Work, _door: Door, remote: Supervisor) -> str:
    from support.operators import score

    operator = score(**turn.operator)
    operator.poll_interval = 0.05  # below what users may set: here nobody's quota is shared
    operator.settle_window = timedelta(seconds=turn.settle)
    operator.send_window = SEND_WINDOW
    return run_task(operator, supervisor=remote, **turn.phase).text


def _wait(turn: Wait, door: Door, remote: Supervisor) -> str:
    with supervised(remote), captured_log() as lines:
        event = asyncio.run(first_event(make_trigger(turn.message)))
        door.ask("event", event.payload if event else None)
    return "\n".join(lines)


def _kill_hook(turn: KillHook, _door: Door, remote: Supervisor) -> str:
    with supervised(remote), captured_log() as lines:
        trigger = make_trigger(turn.message)
        trigger.task_instance = SimpleNamespace(**turn.task_instance)
        asyncio.run(trigger.on_kill())  # type: ignore[attr-defined]
    return "\n".join(lines)


_DO: dict[type, Any] = {Work: _work, Wait: _wait, KillHook: _kill_hook}


def _watch_requests(door: Door) -> None:
    from requests.adapters import HTTPAdapter

    plain = HTTPAdapter.send

    def send(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        sending = _sending(request.method, request.url, request.headers, request.body)
        door.ask("sending", sending)
        answer = plain(self, request, *args, **options)
        door.ask("sent", sending)
        return answer

    HTTPAdapter.send = send  # type: ignore[method-assign]


def _watch_aiohttp(door: Door) -> None:
    from aiohttp import ClientSession

    plain = ClientSession._request

    async def request(self: Any, method: str, url: Any, **options: Any) -> Any:
        sending = _sending(method, str(url), options.get("headers") or {}, options.get("data"))
        door.ask("sending", sending)
        answer = await plain(self, method, url, **options)
        door.ask("sent", sending)
        return answer

    ClientSession._request = request  # type: ignore[method-assign]


def _sending(method: str, url: str, headers: Any, body: Any) -> Sending:
    if method != "POST":
        return Sending(method, url, {}, None)
    return Sending(method, url, {str(k): str(v) for k, v in headers.items()}, body)
