"""A fixed choice of the kill matrix, small enough for every test run."""

from __future__ import annotations

import itertools

from faults.in_process.effects import Moment
from faults.in_process.plans import Kill, Plan, covering_rows, switches_of

_LOST = Kill(1, Moment.UNANSWERED, "worker:POST job")
# Of each life: where it dies.
_AIMS = {
    "calm": (
        *(Kill(1, moment, "worker:POST job") for moment in Moment),
        Kill(1, Moment.BEFORE, "worker:store intent"),
        Kill(1, Moment.UNANSWERED, "worker:store handle"),
        Kill(2, Moment.BEFORE, "worker:storage"),
    ),
    "lost": (Kill(1, Moment.BEFORE, "worker:list jobs"),),
}
_CANCELS = {False: "worker:POST cancel", True: "kill hook:POST cancel"}
_WHILE_DEFERRED = (
    Kill(1, Moment.UNANSWERED, "worker:DeferTask"),
    Kill(1, Moment.BEFORE, "trigger:GET job"),
    Kill(1, Moment.BEFORE, "trigger:event"),
    Kill(1, Moment.UNANSWERED, "trigger:event"),
    Kill(1, Moment.BEFORE, "resumed:storage"),
    Kill(1, Moment.BEFORE, "resumed:SucceedTask"),
)
_ON_A_WORKER = (
    Kill(2, Moment.BEFORE, "worker:GET job"),
    Kill(1, Moment.BEFORE, "worker:SucceedTask"),
)


def sample(*, deferrable: bool) -> list[Plan]:
    """Every point of one mode, the switches' positions in turn."""
    own = _WHILE_DEFERRED if deferrable else _ON_A_WORKER
    kills = [("calm", kill) for kill in own]
    kills += [(life, kill) for life, some in _AIMS.items() for kill in some]
    kills += [("cleared", Kill(1, moment, _CANCELS[deferrable])) for moment in Moment]
    mode = "deferrable" if deferrable else "sync"
    rows = itertools.cycle(covering_rows())
    return [
        Plan(
            f"sample/{mode}/{life}/{kill}",
            deferrable,
            row["kind"],
            switches_of(row),
            kills=(_LOST, kill) if life == "lost" else (kill,),
            clears=("waiting",) if life == "cleared" else (),
            retries=3,
            looks=3,
            exact=True,
        )
        for (life, kill), row in zip(kills, rows, strict=False)
    ]
