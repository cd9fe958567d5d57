"""The kill matrix covers what it says, and the seeds give the same lives again."""

from __future__ import annotations

import itertools

import pytest
from faults.in_process.effects import POINTS, Effect, Moment, Sending, of_request, point_of
from faults.in_process.matrix import Place, quick
from faults.in_process.plans import POSITIONS, Kill, Plan, covering_rows, draw_plan

SERVICE = "https://127.0.0.1:4443"
PROVIDER = "providers/Microsoft.MachineLearningServices"
JOBS = f"{SERVICE}/subscriptions/s/resourceGroups/g/{PROVIDER}/workspaces/w/jobs"


def test_every_two_positions_of_two_switches_meet():
    """The rows are pairwise complete, and far fewer than all combinations."""
    for one, other in itertools.combinations(POSITIONS, 2):
        met = {(row[one], row[other]) for row in covering_rows()}
        assert met == set(itertools.product(POSITIONS[one], POSITIONS[other]))
    assert len(covering_rows()) < 25


def test_the_quick_matrix_has_each_point_in_each_position_of_each_switch():
    """Point x mode x position, for each switch, and every kill at least once."""
    found = [
        Place(Plan(f"{kind}/{deferrable}", deferrable, kind), Kill(1, moment, point), point)
        for point in POINTS[:3]
        for moment in (Moment.BEFORE, Moment.AFTER)
        for deferrable in (False, True)
        for kind in POSITIONS["kind"]
    ]
    plans = quick(found)
    assert {(plan.deferrable, plan.kind, *plan.kills) for plan in plans} == {
        (place.life.deferrable, place.life.kind, place.kill) for place in found
    }
    met = {(p.kills[0].aim, p.deferrable, *item) for p in plans for item in p.switches.items()}
    switches = {name: some for name, some in POSITIONS.items() if name != "kind"}
    assert met == {
        (point, mode, name, position)
        for point, mode in itertools.product(POINTS[:3], (False, True))
        for name, some in switches.items()
        for position in some
    }


def test_a_seed_gives_the_same_life_again():
    """A plan depends on its seed alone, and seeds differ."""
    assert draw_plan(7) == draw_plan(7)
    assert len({repr(draw_plan(seed)) for seed in range(50)}) == 50


@pytest.mark.parametrize(
    ("method", "url", "name"),
    [
        ("POST", f"{SERVICE}/endpoints/heart/jobs", "POST job"),
        ("POST", f"{JOBS}/one/cancel?api-version=1", "POST cancel"),
        ("GET", f"{JOBS}/one?api-version=1", "GET job"),
        ("GET", f"{JOBS}?api-version=1&jobType=Pipeline", "list jobs"),
        ("POST", f"{SERVICE}/tenant/oauth2/v2.0/token", "token"),
        ("HEAD", "http://127.0.0.1:10000/account/trusted/a.csv", "storage"),
    ],
)
def test_requests_have_names(method: str, url: str, name: str):
    """A table of kills speaks of effects, not of addresses."""
    assert of_request(Sending(method, url, {}, None), SERVICE) == name


@pytest.mark.parametrize(
    ("effect", "moment", "seen", "point"),
    [
        ("worker:store intent", Moment.BEFORE, "", "before the intent"),
        ("worker:store intent", Moment.UNANSWERED, "", "after the intent"),
        ("worker:POST job", Moment.BEFORE, "store intent", "after the intent"),
        ("worker:POST job", Moment.ON_ITS_WAY, "store intent", "during the POST"),
        ("worker:POST job", Moment.AFTER, "store intent", AFTER := POINTS[3]),
        ("worker:store handle", Moment.BEFORE, "store intent", AFTER),
        ("worker:DeferTask", Moment.BEFORE, "store handle", "before defer"),
        ("worker:list jobs", Moment.BEFORE, "", "during the look-up"),
        ("trigger:GET job", Moment.BEFORE, "", "while polling"),
        ("trigger:event", Moment.BEFORE, "", "between event and resume"),
        ("resumed:storage", Moment.BEFORE, "", "during the output check"),
        ("resumed:SucceedTask", Moment.BEFORE, "storage", "while the result is handed over"),
        ("kill hook:POST cancel", Moment.AFTER, "", "during cancel"),
    ],
)
def test_a_point_is_told_from_what_was_done_before(
    effect: str, moment: Moment, seen: str, point: str
):
    """Each of the points that have a name is where its name says."""
    phase, _, name = effect.partition(":")
    assert point_of(Effect(phase, name), moment, {seen}, deferrable=True) == point
