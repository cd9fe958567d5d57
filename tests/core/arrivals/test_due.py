"""The router: ready, minus finished, minus in flight; the same again however often it is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from airflow_provider_fabml.core.arrivals.due import Decision, Policy, due, undecided
from airflow_provider_fabml.core.arrivals.ledger import (
    Entry,
    Ledger,
    State,
    ledger_json,
    read_ledger,
)
from airflow_provider_fabml.core.arrivals.manifest import (
    Manifest,
    OfPartitions,
    in_terms_of,
    read_manifest,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = Policy(lease=HOUR, tries=2)
KEYS = ["a", "b", "c"]


def order(key: str) -> tuple[str, str]:
    """Keys without a date."""
    return ("", key)


def decide(
    ready: dict[str, str],
    ledger: Ledger | None = None,
    *manifests: Manifest,
    now: datetime = NOW,
    by: str = "router",
    **changes,
) -> Decision:
    """A decision over a tree in which everything is complete."""
    keywords = {"present": ready, "policy": POLICY, "order": order, **changes}
    return due(ready, manifests, ledger or {}, now, by=by, **keywords)


def digest(version: int) -> str:
    """A digest of 64 characters."""
    return f"{version:064x}"[::-1]


def manifest(
    key: str, version: int, *, completed: bool = True, at: datetime = NOW, **changes
) -> Manifest:
    """The end of a scoring."""
    return Manifest(key, digest(version), completed, at, **changes)


READY = st.dictionaries(st.sampled_from(KEYS), st.integers(1, 3).map(digest))
ENTRIES = st.builds(
    Entry,
    st.integers(1, 3).map(lambda version: digest(version)[:16]),
    st.sampled_from(State),
    st.integers(-7200, 0).map(lambda ago: int(NOW.timestamp()) + ago),
    st.integers(1, 3),
    st.sampled_from(["", "other"]),
    st.sampled_from([0, int(NOW.timestamp()) - 3600]),
)
LEDGERS = st.dictionaries(st.sampled_from(KEYS), ENTRIES)
MANIFESTS = st.lists(
    st.builds(
        manifest, st.sampled_from(KEYS), st.integers(1, 3), completed=st.booleans(),
        at=st.integers(-7200, 0).map(lambda ago: NOW + timedelta(seconds=ago)),
        emitted_at=st.sampled_from([None, NOW - 2 * HOUR, NOW - HOUR]),
    )
)  # fmt: skip


# Scored, asked for again by a person, and failed then: the old success is not the end of that.
AGAIN = [manifest("a", 1, completed=False), manifest("a", 1, at=NOW - timedelta(seconds=61))]
EMITTED = Entry(digest(1)[:16], State.EMITTED, int(NOW.timestamp()), 1)


@example({"a": digest(1)}, {"a": EMITTED}, AGAIN, 0)
@given(READY, LEDGERS, MANIFESTS, st.integers(0, 3599))
def test_asked_again_within_the_lease_nothing_is_due_twice(ready, ledger, manifests, seconds):
    """Another wake-up emits nothing, and of what was emitted nothing until the lease ends."""
    first = decide(ready, ledger, *manifests)
    at_once = decide(ready, first.ledger, *manifests, by="another")
    assert at_once.due == ()
    assert set(at_once.in_flight) >= set(first.due)
    assert at_once.ledger == first.ledger
    later = NOW + timedelta(seconds=seconds)
    assert not {*first.due} & {*decide(ready, first.ledger, now=later, by="another").due}


@given(READY, LEDGERS, MANIFESTS, st.sets(st.sampled_from(KEYS)))
def test_another_try_of_the_same_task_emits_the_same(ready, ledger, manifests, requested):
    """A try that died before its events went out is repeated, and counts as one."""
    first = decide(ready, ledger, *manifests, requested=requested)
    again = decide(ready, first.ledger, *manifests, requested=requested)
    assert again.due == first.due
    assert again.ledger == first.ledger


@given(READY, LEDGERS, MANIFESTS)
def test_every_ready_partition_is_of_one_kind(ready, ledger, manifests):
    """The kinds share out what is ready, and the ledger knows nothing that is not there."""
    found = decide(ready, ledger, *manifests)
    kinds = [found.due, found.later, found.finished, found.in_flight, found.failed]
    assert sorted(key for kind in kinds for key in kind) == sorted(ready)
    assert set(found.ledger) <= set(ready)
    needed = undecided(ready, ledger)
    assert decide(ready, ledger, *[one for one in manifests if one.partition in needed]) == found


@given(LEDGERS)
def test_the_ledger_survives_its_storage(ledger):
    """Reading what was written gives the same states; of what is finished only the digest counts."""
    again = read_ledger(json.loads(json.dumps(ledger_json(ledger, order))))
    assert {key: (entry.digest, entry.state) for key, entry in again.items()} == {
        key: (entry.digest, entry.state) for key, entry in ledger.items()
    }
    assert all(
        again[key] == entry for key, entry in ledger.items() if entry.state is not State.FINISHED
    )


class Routing(RuleBasedStateMachine):
    """Data lands, routers wake and die, runs finish, fail and get lost, time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.version, self.woken = NOW, 0, 0
        self.ready: dict[str, str] = {}
        self.ledger: Ledger = {}
        self.manifests: list[Manifest] = []
        self.running: list[tuple[str, str, datetime]] = []
        self.ended: set[tuple[str, str]] = set()
        self.asked: dict[tuple[str, str], datetime] = {}
        self.emissions: dict[tuple[str, str], list[datetime]] = {}

    @rule(key=st.sampled_from(KEYS))
    def lands(self, key: str) -> None:
        """A partition is complete, or restated."""
        self.version += 1
        self.ready[key] = digest(self.version)

    @rule(minutes=st.sampled_from([1, 30, 61]))
    def time_passes(self, minutes: int) -> None:
        """Within a lease, or beyond it."""
        self.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=st.sampled_from(["completed", "failed", "lost"]))
    def ends(self, data, how: str) -> None:
        """A run leaves a manifest, or nothing at all."""
        key, found, since = run = data.draw(st.sampled_from(self.running))
        self.running.remove(run)
        if how == "lost":
            return
        self.manifests.append(Manifest(key, found, how == "completed", self.now, emitted_at=since))
        if since >= self.asked.get((key, found), since):
            self.ended.add((key, found))

    @rule(
        dies=st.sampled_from(["", "before the ledger", "after the ledger"]),
        asks=st.sampled_from(["", "", *KEYS]),
    )
    def wakes(self, dies: str, asks: str) -> None:
        """A router runs; if it dies it is tried again, as another try of the same task."""
        self.woken += 1
        self.now += timedelta(seconds=1)  # no two runs look within one second
        by, wanted = f"run-{self.woken}", {asks} & self.ready.keys()
        if dies:
            decision = self._decided(by, wanted)
            self.ledger = decision.ledger if dies == "after the ledger" else self.ledger
        decision = self._decided(by, wanted)
        self.ledger = read_ledger(ledger_json(decision.ledger, order))
        for key in wanted:
            run = (key, self.ready[key])
            self.asked[run] = self.now
            self.ended.discard(run)
            self.emissions.pop(run, None)
        finished = {(key, self.ready[key]) for key in decision.finished}
        assert finished <= self.ended, "finished by what no request is answered by"
        for key in decision.due:
            run = (key, self.ready[key])
            before = self.emissions.setdefault(run, [])
            assert run not in self.ended, "scored data was emitted again"
            assert all(self.now - at >= HOUR for at in before), "emitted twice within a lease"
            before.append(self.now)
            assert len(before) <= POLICY.tries, "a loop"
            self.running.append((*run, self.now))
        assert all((key, found) in self.emissions for key, found in self.ready.items()), "left out"

    def _decided(self, by: str, wanted: set[str]) -> Decision:
        keywords = {"now": self.now, "by": by, "requested": wanted}
        return decide(self.ready, self.ledger, *self.manifests, **keywords)


TestRouting = Routing.TestCase
TestRouting.settings = settings(max_examples=200, stateful_step_count=30)


def test_failed_data_is_due_only_when_it_is_new_or_asked_for():
    """A manifest of a failure ends it for this data, whoever looks and however late."""
    failed = manifest("a", 1, completed=False)
    first = decide({"a": digest(1)}, {}, failed)
    assert first.failed == ("a",)
    later = decide({"a": digest(1)}, first.ledger, failed, now=NOW + 99 * HOUR)
    assert later.failed == ("a",)
    assert decide({"a": digest(2)}, first.ledger, failed).due == ("a",)
    asked = decide({"a": digest(1)}, first.ledger, failed, requested=["a"], now=NOW + HOUR)
    assert asked.due == ("a",)
    after = decide({"a": digest(1)}, asked.ledger, failed, by="another", now=NOW + HOUR)
    assert after.in_flight == ("a",), "an older failure is not the requested run's"


def test_a_request_is_answered_by_a_run_that_was_emitted_for_it_or_later():
    """What was emitted before and ends later is no answer, nor what no router asked for."""
    ready, later = {"a": digest(1)}, NOW + HOUR
    asked = decide(ready, decide(ready).ledger, requested=["a"], now=later, by="asked")
    assert (asked.due, asked.requested) == (("a",), {"a": later})
    for since in (NOW, None):
        end = manifest("a", 1, at=later, emitted_at=since)
        assert decide(ready, asked.ledger, end, now=later, by="next").in_flight == ("a",)
    lost = decide(ready, asked.ledger, now=later + HOUR, by="next")
    assert (lost.due, lost.requested) == (("a",), {"a": later})
    answer = manifest("a", 1, at=later + HOUR, emitted_at=later)
    assert decide(ready, lost.ledger, answer, now=later + HOUR, by="last").finished == ("a",)
    assert decide({"a": digest(2)}, lost.ledger, now=later, by="new data").requested == {}


def test_rows_of_a_ledger_of_before_requests_are_read():
    """Five values, or two of what is finished: nobody asked for those."""
    rows = {"a": ["d", "e", 7, 2, "x"], "b": ["d", "f"]}
    entries = {"a": Entry("d", State.EMITTED, 7, 2, "x", 0), "b": Entry("d", State.FINISHED)}
    assert read_ledger({"partitions": rows}) == entries


SOON = NOW + timedelta(seconds=1)


@pytest.mark.parametrize("other", [{"task": ("score", 1)}, {"dag_id": "other"}, {"endpoint": "b"}])
@pytest.mark.parametrize("first", [True, False])
def test_a_partition_is_finished_when_no_scoring_of_it_failed_last(other, first):
    """A mapped task's, a DAG's, an endpoint's failure stands beside another's success, until it is mended."""
    own = {"task": ("score", 0), "dag_id": "dag", "endpoint": "a"}
    ends = [
        manifest("a", 1, at=NOW if first else SOON, **own),
        manifest("a", 1, completed=False, at=SOON if first else NOW, **{**own, **other}),
    ]
    assert decide({"a": digest(1)}, {}, *ends).failed == ("a",)
    mended = manifest("a", 1, at=SOON + HOUR, **{**own, **other})
    assert decide({"a": digest(1)}, {}, *ends, mended).finished == ("a",)


def test_a_run_that_ends_after_its_lease_is_recognized():
    """What had been given up as lost is finished when its manifest comes."""
    ledger, now = {}, NOW
    for number in range(3):
        seen = decide({"a": digest(1)}, ledger, now=now, by=str(number))
        assert seen.due == (("a",) if number < 2 else ())
        ledger, now = seen.ledger, now + HOUR
    assert seen.failed == ("a",)
    assert decide({"a": digest(1)}, ledger, manifest("a", 1, at=now), now=now).finished == ("a",)


def test_no_more_is_in_flight_than_may_be():
    """What is over the limit is due once others have ended, and no emission before."""
    policy = POLICY._replace(limit=2)
    ready = dict.fromkeys(KEYS, digest(1))
    first = decide(ready, {}, policy=policy)
    assert (first.due, first.later) == (("a", "b"), ("c",))
    assert str(first) == "2 due, 1 later, 0 finished, 0 in flight, 0 failed"
    second = decide(ready, first.ledger, policy=policy, by="next")
    assert (second.due, second.later, second.in_flight) == ((), ("c",), ("a", "b"))
    third = decide(ready, second.ledger, manifest("a", 1), policy=policy, by="third")
    assert (third.due, third.later, third.in_flight) == (("c",), (), ("b",))


def test_the_next_try_of_a_look_emits_what_the_first_had_decided():
    """What landed between the two tries does not take its place: it would wait for its lease."""
    policy = POLICY._replace(limit=2)
    first = decide({"b": digest(1), "c": digest(1)}, policy=policy)
    again = decide(dict.fromkeys(KEYS, digest(1)), first.ledger, policy=policy)
    assert (again.due, again.later) == (("b", "c"), ("a",))


def test_a_request_over_the_limit_is_kept_for_the_next_look():
    """It is no emission yet: what is finished is emitted at the next look, and by nobody's naming it."""
    policy, ready = POLICY._replace(limit=1), {"a": digest(1), "b": digest(1)}
    done = decide(ready, {}, manifest("a", 1), manifest("b", 1))
    assert done.finished == ("a", "b")
    asked = decide(ready, done.ledger, policy=policy, requested=["a", "b"], by="asked", now=SOON)
    assert (asked.due, asked.later) == (("a",), ("b",))
    ledger = read_ledger(ledger_json(asked.ledger, order))
    ends = manifest("a", 1, at=SOON, emitted_at=SOON), manifest("b", 1, at=SOON)
    following = decide(ready, ledger, *ends, policy=policy, by="next", now=SOON)
    assert (following.due, following.requested) == (("b",), {"b": SOON})
    assert following.finished == ("a",)


def test_a_partition_that_is_being_restated_is_remembered():
    """While it is not complete its entry stays; when it is gone the entry goes."""
    first = decide({"a": digest(1)})
    writing = due({}, [], first.ledger, NOW, present=["a"], policy=POLICY, by="x", order=order)
    assert writing.ledger == first.ledger
    gone = due({}, [], first.ledger, NOW, present=[], policy=POLICY, by="x", order=order)
    assert gone.ledger == {}


def test_only_finished_partitions_are_ever_left_out_of_a_full_ledger():
    """The smallest finished keys go, since their manifests say the same; all others stay."""
    ledger = {f"{n:03d}": Entry("d", State.EMITTED if n < 5 else State.FINISHED) for n in range(20)}
    kept = read_ledger(ledger_json(ledger, order, limit=3))
    assert sorted(kept) == [*(f"{n:03d}" for n in range(5)), "017", "018", "019"]


NO_LEDGERS = [None, 1, {}, {"partitions": 1}, {"partitions": {"a": 1, "b": [], "c": ["d", "?"]}}]


@pytest.mark.parametrize("value", [*NO_LEDGERS, {"partitions": {"b": ["d", "e", "x", 1, ""]}}])
def test_what_is_no_ledger_is_read_as_an_empty_one(value):
    """A value of another version, or of a person, stops no router."""
    assert read_ledger(value) == {}


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"partition": null}', '{"partition": "a"}',
                                  '{"partition": "a", "inputs": "x"}', "\udcff"])  # fmt: skip
def test_what_is_no_manifest_of_a_partition_says_nothing(text):
    """Half a file, another file, or the manifest of a run without a partition."""
    assert read_manifest(text.encode(errors="surrogateescape"), NOW) == ()


@pytest.mark.parametrize(
    ("status", "completed"), [("completed", True), ("Completed", True), ("Failed", False)]
)
def test_a_manifest_says_which_data_was_scored_and_how_it_ended(status, completed):
    """Partition, digest of the input and status are read; the rest is of no concern here."""
    content = {
        "partition": "a",
        "status": status,
        "inputs": {"heart": {"digest": "d"}, "n": {"value": 1}},
        "job": "j",
    }
    assert read_manifest(json.dumps(content).encode(), NOW) == (Manifest("a", "d", completed, NOW),)


def test_manifests_of_a_partition_lie_in_its_folder():
    """The key's folder tells which manifests are worth reading, also for keys with an escape."""
    wanted = OfPartitions({"eu|2026-01-01": "region=eu/date=2026-01-01", "b": ""})
    assert wanted("endpoints/dag/eu~7C2026-01-01/run/task/1-ab/_manifest.json")
    assert wanted("endpoints/dag/b/run/_manifest.json")
    assert not wanted("endpoints/dag/b/run/predictions.csv")
    assert not wanted("endpoints/dag/c/run/_manifest.json")


def test_manifests_beside_outputs_that_a_user_placed_are_found_by_folder_and_by_name():
    """The partition's own folders in a row, or one that ends in ``=key``; parts of names do not."""
    wanted = OfPartitions({"2026-01-05": "year=2026/month=01/day=05", "b": "b"})
    assert wanted("mine/year=2026/month=01/day=05/run/_manifest.json")
    assert wanted("mine/scored=2026-01-05/_manifest.json")
    assert not wanted("mine/year=2026/month=01/_manifest.json")
    assert not wanted("mine/year=2026/month=02/day=05/_manifest.json")
    assert not wanted("mine/bb/xb/_manifest.json")
    assert not OfPartitions({})("mine/_manifest.json")


def test_a_scoring_of_the_whole_folder_is_one_of_the_chosen_files():
    """A scoring digests all files, a watch those of its glob: now equal folders are equal data."""
    scored = Manifest("a", "whole", completed=True, at=NOW)
    assert in_terms_of(scored, {"a": "chosen"}, {"a": "whole"}).digest == "chosen"
    assert in_terms_of(scored, {"a": "chosen"}, {"a": "changed"}) == scored
    assert in_terms_of(scored, {}, {"a": "whole"}) == scored
