"""What a fault does to an answer, as values. Pure: the time is handed in."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.errors import CLAIMS_NEEDED, claims_challenge
from airflow_provider_fabml.emulator.transitions import ALL_STATES, TERMINAL

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_fabml.emulator.faults.fault import Fault

_PASSING = ALL_STATES - TERMINAL


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def own_reply(fault: Fault, now: datetime) -> Reply:
    """Return the answer that a fault gives instead of the service's."""
    status = 401 if fault.challenge else fault.status or 500
    headers = _headers(fault, now)
    if fault.challenge:
        headers["www-authenticate"] = claims_challenge(now.timestamp())
    if fault.body is not None:
        headers["content-type"] = "text/plain; charset=utf-8"
        return Reply(status, headers, fault.body.encode())
    if status < 400:
        return Reply(status, headers, b"")
    headers["content-type"] = "application/json; charset=utf-8"
    error = {"code": "ServiceError", "message": f"Received {status} from a service."}
    if fault.challenge:
        error = {"code": CLAIMS_NEEDED[0], "message": CLAIMS_NEEDED[1]}
    return Reply(status, headers, json.dumps({"error": error}).encode())


def changed(fault: Fault, reply: Reply, now: datetime) -> Reply:
    """Return the service's answer with the fault's headers and changes in its JSON."""
    reply = replace(reply, headers=reply.headers | _headers(fault, now))
    if reply.status >= 300 or not (fault.edit or fault.remove or fault.show_state):
        return reply
    try:
        value = json.loads(reply.body)
    except ValueError:
        return reply
    body = json.dumps(_edited(fault, value)).encode()
    return replace(reply, headers=reply.headers | {"content-length": str(len(body))}, body=body)


def halved(reply: Reply, where: str) -> Reply:
    """Return half of an answer; by ``json`` its length fits, so nothing but the text is broken."""
    body = reply.body[: len(reply.body) // 2]
    if where == "json":
        return replace(reply, headers=reply.headers | {"content-length": str(len(body))}, body=body)
    return replace(reply, body=body)


def _headers(fault: Fault, now: datetime) -> dict[str, str]:
    found = {name.lower(): text.replace("{to}", fault.to) for name, text in fault.headers.items()}
    if fault.retry_after is not None:
        found["retry-after"] = fault.retry_after
    if fault.retry_after_date is not None:
        at = now.astimezone(UTC) + timedelta(seconds=fault.retry_after_date)
        found["retry-after"] = format_datetime(at, usegmt=True)
    return found


def _edited(fault: Fault, value: Any) -> Any:
    value = copy.deepcopy(value)
    for pointer, wanted in fault.edit.items():
        _at(value, pointer, lambda home, key, put=wanted: _put(home, key, put, fault.to))
    for pointer in fault.remove:
        _at(value, pointer, lambda home, key: home.pop(key, None))
    return value if fault.show_state is None else _restated(value, fault.show_state)


def _at(value: Any, pointer: str, act: Any) -> None:
    """Call ``act(home, key)`` where a JSON pointer leads into an object; else nothing."""
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    for part in way:
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return
    if isinstance(value, dict):
        act(value, last)


def _put(home: dict[str, Any], key: str, wanted: Any, to: str) -> None:
    home[key] = wanted.replace("{to}", to) if isinstance(wanted, str) else wanted


def _restated(value: Any, state: str) -> Any:
    """Return ``value`` with another word in place of every job state that is not terminal."""
    if isinstance(value, list):
        return [_restated(item, state) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: state if name == "status" and _is_passing(item) else _restated(item, state)
        for name, item in value.items()
    }


def _is_passing(word: Any) -> bool:
    return isinstance(word, str) and word in _PASSING
