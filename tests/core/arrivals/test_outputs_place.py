"""Outputs below a watched tree are refused exactly where they would be partitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.arrivals.outputs_place import check_outputs
from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.scoring.run_identity import RunIdentity, attempt_folder
from airflow_provider_fabml.core.storage.location import Location

TREE = Location("account", "container", "daily", "https://account.blob.core.windows.net")
LOOPS = [
    ("{key}", "daily"),
    ("{key}", "daily/scored"),
    ("{region}/{key}", "daily/scored"),
    ("{dag}/%Y-%m-%d", "daily"),
    ("scored/{dag}/%Y-%m-%d", "daily/scored"),
]
APART = [
    ("{key}", "scored"),
    ("{key}", "daily-scored"),
    ("{key}", "daily/_scored"),
    ("{key}", ""),
    ("date=%Y-%m-%d", "daily"),
    ("date=%Y-%m-%d", "daily/scored"),
    ("{dag}/date=%Y-%m-%d", "daily"),
]


@pytest.mark.parametrize(("template", "outputs"), LOOPS)
def test_outputs_that_would_be_partitions_are_refused(template: str, outputs: str) -> None:
    """Each scoring would make the next one due."""
    with pytest.raises(UsageError, match="scored in its turn"):
        check_outputs(parse_template(template), TREE, TREE._replace(path=outputs))


@pytest.mark.parametrize(("template", "outputs"), APART)
def test_outputs_that_no_watch_takes_for_data_may_lie_there(template: str, outputs: str) -> None:
    """A folder within the tree is no harm as long as its name is no partition's."""
    check_outputs(parse_template(template), TREE, TREE._replace(path=outputs))


def test_another_container_or_account_is_another_place() -> None:
    """Equal paths are the same folder only in one container."""
    for other in (TREE._replace(container="other"), TREE._replace(account="other")):
        check_outputs(parse_template("{key}"), TREE, other)


@given(
    st.sampled_from(LOOPS + APART),
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.dates(),
)
def test_what_is_let_pass_writes_no_partition(row: tuple[str, str], dag: str, day) -> None:
    """Whatever the DAG's name and the day: an output of an accepted place is in no partition."""
    template, outputs = parse_template(row[0]), TREE._replace(path=row[1])
    try:
        check_outputs(template, TREE, outputs)
    except UsageError:
        return
    run = RunIdentity(dag, "run", "score", partition_key=f"{day:%Y-%m-%d}")
    written = f"{outputs.path}/{attempt_folder(run, '1-0')}/predictions.csv".lstrip("/")
    if written.startswith("daily/"):
        assert template.partition_of(written.removeprefix("daily/")) is None
