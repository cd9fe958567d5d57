"""A Delta table is judged by its log: versions, commits in progress, checkpoints, and its files."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.storage.conversation import Answer, ListPage, ReadBlob, Request
from airflow_provider_fabml.core.storage.delta import Log, fold_log, look_at_table
from airflow_provider_fabml.core.storage.landing import landing
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.readiness import Blob, Rules, Verdict

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def action(kind: str, path: str, size: int = 10, **more) -> dict:
    """An action of a commit on one file."""
    return {kind: {"path": path, "size": size, **more}}


def commit_name(version: int) -> str:
    """The blob of a commit."""
    return f"t/_delta_log/{version:020d}.json"


def blob(name: str, size: int = 10, age: int = 60) -> Blob:
    """A file of the log, written `age` seconds ago."""
    return Blob(name, size, f"e-{name}", NOW - timedelta(seconds=age))


class Server:
    """Answers from a dictionary of commits and some further names; counts what it is asked."""

    def __init__(self, commits: dict[int, list[dict]], *more: Blob) -> None:
        self.content = {
            commit_name(version): "\n".join(map(json.dumps, actions)).encode()
            for version, actions in commits.items()
        }
        self.listed = [*more, *(blob(name, len(text)) for name, text in self.content.items())]
        self.asked: list[Request] = []

    def judge(self, version: int = 0, **rules) -> Verdict:
        """Look at the table ``t``."""
        talk = look_at_table("t", Rules(delta_version=version, **rules))
        request = next(talk)
        while True:
            self.asked.append(request)
            try:
                request = talk.send(self._answer(request))
            except StopIteration as done:
                return done.value

    def _answer(self, request: Request) -> Answer:
        if isinstance(request, ReadBlob):
            return Answer((), NOW, content=self.content.get(request.path))
        assert isinstance(request, ListPage)
        found = tuple(one for one in self.listed if one.name.startswith(request.prefix))
        return Answer(found, NOW)


def test_files_are_added_and_removed():
    """Count and bytes are those of the newest version; what lies there besides does not matter."""
    vector = {"storageType": "u", "pathOrInlineDv": "ab", "offset": 1}
    table = Server(
        {
            0: [{"protocol": {}}, action("add", "a.parquet", 10), action("add", "b%20c", 20)],
            1: [action("remove", "a.parquet"), action("add", "d=1/e.parquet", 5)],
            2: [action("remove", "b%20c"), action("add", "b%20c", 20, deletionVector=vector)],
        }
    )

    verdict = table.judge(2)

    assert (verdict.ready, verdict.count, verdict.bytes, verdict.version) == (True, 2, 25, 2)
    assert verdict.sample == ("b c", "d=1/e.parquet")
    assert verdict.reason == "version 2, newest 60 s ago, 2 files, 25 bytes"


def test_only_a_commit_keeps_a_table_from_being_quiet():
    """What else is written in its log or beside its files is part of no version."""
    fresh = [
        "_delta_log/_last_checkpoint",
        "_delta_log/.00000000000000000001.json.tmp",
        "_temporary/0/part-1.parquet",
        "part-1.parquet",
    ]
    table = Server({0: [{}]}, *(blob(f"t/{name}", age=0) for name in fresh))

    assert table.judge(0, quiet_for=60).ready


@pytest.mark.parametrize(
    ("server", "version", "rules", "reason"),
    [
        (Server({}), 0, {}, "no Delta table in t yet"),
        (Server({}, blob("t/part-0.parquet")), 0, {}, "no Delta table in t yet"),
        (Server({}, blob(commit_name(0), size=0)), 0, {}, "no Delta table in t yet"),
        (Server({0: [], 1: [{}]}), 3, {}, "version 1 of 3, newest 60 s ago"),
        (
            Server({0: [{}]}),
            0,
            {"quiet_for": 90},
            "version 0, newest 60 s ago; 90 s without a commit are wanted",
        ),
    ],
)
def test_why_a_table_is_not_ready(server, version, rules, reason):
    """One listing tells it, and one sentence says it."""
    verdict = server.judge(version, **rules)

    assert (verdict.ready, verdict.reason) == (False, reason)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "server",
    [
        Server({}, blob("t/_delta_log/00000000000000000012.checkpoint.parquet")),
        Server({7: [action("add", "a")]}),
        Server({number: [action("add", f"p{number}")] for number in range(40)}),
        Server({0: [action("add", "a")]}, blob(commit_name(1))),
        Server({0: [{"add": {"path": "a"}}]}),
    ],
)
def test_what_cannot_be_counted_is_not_told(server):
    """A log that was cleaned up, is long, or has odd lines is ready, with count and bytes None."""
    verdict = server.judge(0)

    assert verdict.ready
    assert not verdict.counted
    assert "not counted" in verdict.reason
    told = landing(Location("a", "c", "t", "https://a"), verdict)
    assert (told["count"], told["bytes"]) == (None, None)
    assert told["delta_version"] == verdict.version


def test_an_old_commit_that_was_cleaned_up_counts():
    """A checkpoint, also in parts, shows that its version and all before it were committed."""
    parts = blob("t/_delta_log/00000000000000000012.checkpoint.0000000001.0000000002.parquet")
    assert Server({}, parts).judge(10).ready
    assert not Server({}, parts).judge(13).ready


LOGS = st.lists(
    st.builds(blob, st.integers(0, 5).map(commit_name), st.integers(0, 3), st.integers(0, 99)),
    max_size=12,
    unique_by=lambda found: found.name,
)


@given(LOGS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_order_of_the_log_changes_nothing(found, size, shuffler: random.Random):
    """Any split of any order of the log gives the same."""
    shuffled = list(found)
    shuffler.shuffle(shuffled)
    log = Log()
    for at in range(0, len(shuffled), size):
        log = fold_log(log, shuffled[at : at + size])

    assert log == fold_log(Log(), found)
