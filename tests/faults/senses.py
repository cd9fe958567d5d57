"""What the emulator and the proxies say about a task instance, asked only where a point needs it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from faults import truth
from faults.rig import now, ports_of
from faults.verdict import ENDED

from airflow_provider_fabml.emulator import ControlError

if TYPE_CHECKING:
    from faults.rig import Rig
    from faults.seen import Seen


class Senses:
    """Looks at one rig; remembers when it first saw that a job had ended."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._ended: dict[str, float] = {}

    def state(self, job_name: str | None) -> str:
        """Return a job's true state, ``unknown`` where there is no such job."""
        try:
            return str(self._rig.emulator.control.job(job_name or "")["state"])
        except ControlError:
            return "unknown"

    def posted(self, seen: Seen) -> bool:
        """Return whether its invocation has made a job."""
        return seen.invocation_id in truth.invocations(self._rig.emulator)

    def held(self, seen: Seen) -> list[int]:
        """Return its connections to Azure ML whose bytes the proxy holds."""
        return self._rig.azure_ml_proxy.held(ports_of(seen.pid)) if seen.pid else []

    def ended(self, seen: Seen) -> bool:
        """Return whether its job has ended."""
        name = seen.job_name
        if name is not None and name not in self._ended and self.state(name) in ENDED:
            self._ended[name] = now()
        return name in self._ended

    def checking(self, seen: Seen) -> bool:
        """Return whether it has spoken to storage since its job ended."""
        since = self._ended.get(seen.job_name or "", now())
        return bool(seen.pid and self._rig.storage_proxy.sent_since(ports_of(seen.pid), since))

    def cancelling(self, seen: Seen, job_name: str | None) -> bool:
        """Return whether its process is the one that waits for the answer to a cancellation.

        That is the old try's where it heard of the Clear, and the new try's where it settles the
        attempt before.
        """
        asked = self._rig.emulator.requests.matching("POST", f"/{job_name}/cancel")
        if not asked or not seen.pid:
            return False
        since = now() - (time.time() - datetime.fromisoformat(asked[-1].time).timestamp())
        return self._rig.azure_ml_proxy.sent_since(ports_of(seen.pid), since - 0.5)
