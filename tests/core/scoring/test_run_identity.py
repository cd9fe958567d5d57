"""Who a scoring belongs to, and the folder only it can have."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_fabml.core.scoring.run_identity import (
    RunIdentity,
    attempt_folder,
    attempt_name,
    default_description,
    default_tags,
    encode_segment,
)

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=140)
TRICKY = st.text("~map0123/._%AF:", min_size=1, max_size=8)
IDS = st.one_of(NAMES, TRICKY)
IDENTITIES = st.builds(
    RunIdentity,
    IDS,
    IDS,
    IDS,
    st.integers(-1, 20),
    st.none() | IDS.filter(lambda key: key.strip() not in {"", "None"}),
)


@given(IDS, IDS)
@example("a:", "a~3A")
@example("x" * 121, "x" * 122)
@example("a.", "a~2E")
def test_two_texts_never_share_a_segment(one: str, other: str) -> None:
    """The encoding is injective, also where a segment is cut."""
    assert (encode_segment(one) == encode_segment(other)) == (one == other)


@given(NAMES)
def test_a_segment_is_safe_everywhere(text: str) -> None:
    """A segment keeps to characters of URLs and shortcuts, and is neither hidden nor shortened."""
    segment = encode_segment(text)
    assert re.fullmatch(r"[A-Za-z0-9~\-][A-Za-z0-9_.~\-]*", segment)
    assert not segment.endswith(".")
    assert len(segment) <= 120


@given(IDENTITIES, st.integers(1, 99), IDENTITIES, st.integers(1, 99))
@example(RunIdentity("d", "p", "r", 3), 1, RunIdentity("d", "r", "~map3", -1, "p"), 1)
@example(RunIdentity("d", "r", "t", -1, "p"), 1, RunIdentity("d", "p", "r", -1, "t"), 1)
def test_two_attempts_never_share_a_folder(
    one: RunIdentity, first: int, other: RunIdentity, second: int
) -> None:
    """Runs, partitions, map indices and attempts each have a folder of their own."""
    same = (one, first) == (other, second)
    assert (attempt_folder(one, f"{first}-x") == attempt_folder(other, f"{second}-x")) == same


def test_a_folder_can_be_read_by_people() -> None:
    """Run ids stay readable, and a mapped task shows its index."""
    identity = RunIdentity("score", "manual__2026-01-01T00:00:00+00:00", "invoke", 2, "2026-01-01")
    assert attempt_folder(identity, attempt_name(3, "3f9c2a7b-19e8-4d09")) == (
        "score/2026-01-01/manual__2026-01-01T00~3A00~3A00~2B00~3A00/invoke/~map2/3-3f9c2a7b"
    )


def test_tags_and_description_name_dag_run_and_task() -> None:
    """What is not there (a map index, a partition) is not told."""
    plain, mapped = RunIdentity("d", "r", "t"), RunIdentity("d", "r", "t", 0, "p")
    assert default_tags(plain) == {
        "airflow_dag_id": "d",
        "airflow_run_id": "r",
        "airflow_task_id": "t",
    }
    added = {"airflow_map_index": "0", "airflow_partition_key": "p"}
    assert default_tags(mapped) == {**default_tags(plain), **added}
    assert default_description(plain) == "Airflow d / r / t"
    assert default_description(mapped) == "Airflow d / r / t [0]"
