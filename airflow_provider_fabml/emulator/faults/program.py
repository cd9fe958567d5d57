"""Which request gets which fault: drawn from a seed, or replayed from a record. Pure.

Each request draws from a random stream of its own, made of the seed, its method, its route and
how many such requests came before. So the same seed and the same requests meet the same faults,
however threads interleave on other routes.
"""

import random
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from airflow_provider_fabml.emulator.faults.fault import Fault, is_expression
from airflow_provider_fabml.emulator.faults.kinds import MIX, fault_of

NO_ISSUER = r"^(?!.*(/oauth2/|/\.well-known/|/metadata/identity|/msi/token))"
"""Every path but the token issuer's."""


class Asked(NamedTuple):
    """A request, and the how manieth it is (from 0) on its method and route."""

    method: str
    path: str
    route: str
    number: int


class Program(BaseModel):
    """Faults from a seed."""

    model_config = ConfigDict(extra="forbid")

    seed: int
    rate: float = Field(default=0.2, ge=0, le=1)
    """Share of the requests that get a fault, of those that a kind is meant for."""
    kinds: list[str | dict[str, Any]] = Field(default=list(MIX), min_length=1)
    """Names, or fields over a kind's own: ``{"kind": "slow", "delay": 0.1}``; each as likely."""
    method: str = "*"
    path: str = NO_ISSUER
    """Regular expression, searched in the request's path."""

    _expression = field_validator("path")(is_expression)

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: list[str | dict[str, Any]]) -> list[str | dict[str, Any]]:
        for kind in kinds:
            _made(kind)
        return kinds

    @cached_property
    def _where(self) -> Fault:
        return Fault(method=self.method, path=self.path, drop=True)

    @cached_property
    def _faults(self) -> list[Fault]:
        return [_made(kind) for kind in self.kinds]

    def fault(self, asked: Asked) -> Fault | None:
        """Return the fault that a request gets, or None."""
        if not self._where.hits(asked.method, asked.path):
            return None
        stream = random.Random(f"{self.seed} {asked.method} {asked.route} {asked.number}")  # noqa: S311
        if stream.random() >= self.rate:
            return None
        fitting = [fault for fault in self._faults if fault.hits(asked.method, asked.path)]
        return stream.choice(fitting) if fitting else None


class Given(BaseModel):
    """One line of the record: a fault and the request that it met."""

    model_config = ConfigDict(extra="forbid")

    kind: str = ""
    method: str
    path: str = ""
    route: str
    number: int
    fault: dict[str, Any]

    @field_validator("fault")
    @classmethod
    def _known(cls, fault: dict[str, Any]) -> dict[str, Any]:
        fault_of(**fault)
        return fault


class Replay(BaseModel):
    """The faults of a record (``given``), at the same requests again."""

    model_config = ConfigDict(extra="forbid")

    replay: list[Given]

    @cached_property
    def _faults(self) -> dict[tuple[str, str, int], Fault]:
        return {(one.method, one.route, one.number): fault_of(**one.fault) for one in self.replay}

    def fault(self, asked: Asked) -> Fault | None:
        """Return the fault that a request gets, or None."""
        return self._faults.get((asked.method, asked.route, asked.number))


def _made(kind: str | dict[str, Any]) -> Fault:
    return fault_of(kind) if isinstance(kind, str) else fault_of(**kind)
