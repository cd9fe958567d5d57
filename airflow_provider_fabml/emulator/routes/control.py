"""The control API over HTTP, under ``/_emulator``, and the logs that run details point to.

No token: it is for whoever started the emulator, which listens on the loopback by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.emulator.control import Control, ControlError
from airflow_provider_fabml.emulator.errors import user_error
from airflow_provider_fabml.emulator.exchange import Answer, Call, Handled

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = "/_emulator"


def _do(action: Callable[[Control, Call, Any], Any]) -> Callable[[Call], Answer]:
    """Return a route that answers with the action's result, or 400 and the reason."""

    def handler(call: Call) -> Answer:
        try:
            result = action(Control(call.service), call, call.json())
        except (ControlError, TypeError, KeyError) as error:
            return Answer({"error": str(error)}, status=400)
        return Answer(result)

    return handler


def _log(call: Call) -> Answer:
    found = call.service.store.run(call.path["run"])
    if found is None or found[1] is None:
        raise user_error(404, "There is no such log.", "NotFound")
    return Answer(text=found[1].log)


_ACTIONS: list[tuple[str, str, Callable[[Control, Call, Any], Any]]] = [
    ("GET", "/health", lambda _c, _call, _b: {"status": "ok"}),
    ("GET", "/switches", lambda c, _call, _b: c.switches),
    ("PATCH", "/switches", lambda c, _call, b: c.set_switches(**b)),
    ("GET", "/faults", lambda c, _call, _b: c.faults()),
    ("POST", "/faults", lambda c, _call, b: c.add_fault(**b)),
    ("DELETE", "/faults", lambda c, _call, _b: c.clear_faults()),
    ("GET", "/faults/kinds", lambda c, _call, _b: c.fault_kinds()),
    ("GET", "/faults/program", lambda c, _call, _b: c.fault_program()),
    ("POST", "/faults/program", lambda c, _call, b: c.start_faults(**b)),
    ("DELETE", "/faults/program", lambda c, _call, _b: c.stop_faults()),
    ("GET", "/faults/given", lambda c, _call, _b: c.faults_given()),
    ("DELETE", "/faults/given", lambda c, _call, _b: c.forget_faults_given()),
    ("GET", "/fabric", lambda c, _call, _b: c.fabric),
    ("PUT", "/fabric", lambda c, _call, b: c.set_fabric(**b)),
    ("POST", "/clock/advance", lambda c, _call, b: c.advance_clock(b["seconds"])),
    ("GET", "/jobs", lambda c, _call, _b: c.jobs()),
    ("GET", "/jobs/{job}", lambda c, call, _b: c.job(call.path["job"])),
    ("POST", "/jobs/{job}/advance", lambda c, call, _b: c.advance_job(call.path["job"])),
    (
        "POST",
        "/jobs/{job}/state",
        lambda c, call, b: c.set_state(call.path["job"], **b),
    ),
    ("POST", "/tokens/refuse", lambda c, _call, b: c.refuse_tokens(**b)),
    ("POST", "/tokens/lifetime", lambda c, _call, b: c.set_token_lifetime(b["seconds"])),
    (
        "GET",
        "/requests",
        lambda _c, call, _b: [entry.as_dict() for entry in call.service.requests.all()],
    ),
    ("DELETE", "/requests", lambda _c, call, _b: call.service.requests.clear()),
]
ROUTES = [
    *(Handled(method, ROOT + path, "open", "", _do(action)) for method, path, action in _ACTIONS),
    Handled("GET", f"{ROOT}/logs/{{run}}", "open", "", _log),
]
