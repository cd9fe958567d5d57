"""What tests do to the emulator: switches, clock, faults, jobs' truth. HTTP twin: routes/control."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_provider_fabml.emulator.fabric import Fabric
from airflow_provider_fabml.emulator.faults import KINDS, Program, Replay, fault_of
from airflow_provider_fabml.emulator.switches import Switches
from airflow_provider_fabml.emulator.transitions import ALL_STATES
from airflow_provider_fabml.emulator.work import parent_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_fabml.emulator.service import Service
    from airflow_provider_fabml.emulator.state import Job


class ControlError(ValueError):
    """A request to the control API that cannot be met; the text says why."""


class Control:
    """Moves the emulator's levers; safe to call from any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def switches(self) -> dict[str, Any]:
        """Return every switch and its position."""
        return self._service.switches.model_dump()

    def set_switches(self, **positions: Any) -> dict[str, Any]:
        """Set switches, all or none; return every position."""
        with _refusals():
            Switches.model_validate(self.switches | positions)
        for name, position in positions.items():
            setattr(self._service.switches, name, position)
        return self.switches

    def add_fault(self, **fault: Any) -> None:
        """Queue a fault: fields of ``faults.Fault``, and perhaps a ``kind`` to start from."""
        with _refusals():
            self._service.faults.add(fault_of(**fault))

    def start_faults(self, **program: Any) -> None:
        """Draw faults from a seed (``faults.Program``), or give those of a record (``replay=``).

        Counts and record begin anew.
        """
        with _refusals():
            made = Replay(**program) if "replay" in program else Program(**program)
            self._service.faults.start(made)

    def stop_faults(self) -> None:
        """Draw no more faults; the record stays."""
        self._service.faults.stop()

    def fault_program(self) -> dict[str, Any] | None:
        """Return the program that faults are drawn from, or None."""
        program = self._service.faults.program()
        return None if program is None else program.model_dump()

    def faults_given(self) -> dict[str, Any]:
        """Return ``requests``, ``faults``, ``counts`` by kind, and ``given``: each fault."""
        return self._service.faults.given()

    def forget_faults_given(self) -> None:
        """Begin counts and record anew."""
        self._service.faults.forget()

    def fault_kinds(self) -> dict[str, Any]:
        """Return each kind's fields and whether the default mix has it."""
        return {name: kind._asdict() for name, kind in KINDS.items()}

    def clear_faults(self) -> None:
        """Forget every fault that waits, and stop the program."""
        self._service.faults.clear()

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are not used up."""
        return [fault.model_dump() for fault in self._service.faults.waiting()]

    @property
    def fabric(self) -> dict[str, Any]:
        """Return Fabric's workspaces, items and shortcuts."""
        return self._service.fabric.model_dump()

    def set_fabric(self, **parts: Any) -> dict[str, Any]:
        """Put others in their place: the same keys as in the workspace file; return them."""
        with _refusals():
            self._service.fabric = Fabric.model_validate(parts)
        return self.fabric

    def advance_clock(self, seconds: float) -> None:
        """Let seconds pass at once (``timed`` clock, cancellation)."""
        if seconds < 0:
            raise ControlError(f"seconds={seconds}: time goes forward only")
        self._service.runner.timers.advance(seconds)

    def advance_job(self, name: str) -> str:
        """Move a job to its next state (``manual`` clock); return the state."""
        return self._service.runner.advance(self._job(name))

    def set_state(
        self,
        name: str,
        state: str | None,
        error: str | None = None,
        *,
        child_error: str | None = None,
        seconds: float | None = None,
        unlisted: bool = False,
    ) -> str:
        """Show a state whatever happens; a terminal one ends the job, None lifts it.

        ``child_error`` is the reason of the first child, under the service's general text for the
        job itself. ``seconds`` is how long a state that is not terminal is shown. ``unlisted``
        takes a word that the specification does not have.
        """
        if state is not None and state not in ALL_STATES and not unlisted:
            raise ControlError(f"state={state!r} is none of {sorted(ALL_STATES)}")
        job, runner = self._job(name), self._service.runner
        if child_error is not None:
            job.children[0].error = child_error
            error = error or parent_error([job.children[0].name])
        runner.force(job, state, error)
        if state is not None and seconds is not None:
            runner.timers.after(seconds, lambda: runner.lift(job, state))
        return job.visible

    def jobs(self) -> list[dict[str, Any]]:
        """Return the truth about every job, oldest first."""
        return [_truth(job) for job in self._service.store.jobs()]

    def job(self, name: str) -> dict[str, Any]:
        """Return the truth about one job."""
        return _truth(self._job(name))

    def wait(self, name: str, timeout: float = 60) -> str:
        """Wait for a job's end; return its state. ``ControlError`` after ``timeout`` seconds."""
        job = self._job(name)
        if not job.settled.wait(timeout):
            raise ControlError(f"job {name} is still {job.visible} after {timeout:g} s")
        return job.visible

    def set_token_lifetime(self, seconds: int) -> None:
        """Give tokens that are issued from now on another lifetime."""
        self._service.issuer.lifetime = seconds

    def refuse_tokens(self, *, seconds: float = 0, challenge: bool = True) -> None:
        """In ``seconds``, refuse every token issued until then; new ones are good.

        The refusal is a claims challenge, or else what an expired token gets.
        """
        issuer = self._service.issuer
        self._service.runner.timers.after(seconds, lambda: issuer.revoke(challenge=challenge))

    def _job(self, name: str) -> Job:
        job = self._service.store.job(name)
        if job is None:
            raise ControlError(f"there is no job {name!r}")
        return job


def _truth(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "endpoint": job.endpoint,
        "deployment": job.deployment.name,
        "state": job.state,
        "visible_state": job.visible,
        "error": job.error,
        "request_id": job.request_id,
        "request": job.request.model_dump(by_alias=True, exclude_none=True),
        "outputs": dict(job.outputs),
        "processes": job.processes.pids(),
        "children": [
            {"run_id": run.run_id, "name": run.name, "status": run.status, "error": run.error}
            for run in job.children
        ],
    }


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what pydantic and our own rules refuse into one line."""
    try:
        yield
    except ValidationError as error:
        raise ControlError(_one_line(error)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ControlError(str(error)) from None


def _one_line(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'fault'}={problem['input']!r}: {problem['msg']}"
        for problem in error.errors()
    )
