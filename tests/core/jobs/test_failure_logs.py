"""Which logs are worth a look, and which of their lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.jobs.failure_logs import telling_lines, telling_logs

URL = "https://a.blob.core.windows.net/c/log?sig=x"


def test_the_most_telling_logs_come_first() -> None:
    """Script errors, then the job's own summary, then the process; others are left out."""
    names = [
        "logs/azureml/executionlogs.txt",
        "system_logs/lifecycler/lifecycler.log",
        "user_logs/std_log_0.txt",
        "logs/job_error.0.txt",
        "logs/user/error/10.0.0.4/process000.txt",
        "logs/user/error.txt",
    ]
    found = telling_logs(dict.fromkeys(names, URL))
    assert [name for name, _ in found] == [
        "logs/user/error.txt",
        "logs/user/error/10.0.0.4/process000.txt",
        "logs/job_error.0.txt",
        "user_logs/std_log_0.txt",
        "logs/azureml/executionlogs.txt",
    ]
    assert {url for _, url in found} == {URL}


@pytest.mark.parametrize(
    "files",
    [None, [], {"logs/user/error.txt": None}, {"logs/user/error.txt": "http://h/x"}, {1: URL}],
)
def test_what_is_no_log_is_left_out(files: object) -> None:
    """No address, no TLS, or no mapping at all."""
    assert telling_logs(files) == []


def test_failed_files_and_the_last_exception_are_told() -> None:
    """Each line once, five files at most, the driver's own exit left out."""
    files = [f"ERROR:azureml:Error processing input file /data/{n}.csv" for n in range(9)]
    text = "\n".join(
        [
            *files, files[0], "Traceback (most recent call last):", '  File "score.py", line 3',
            "KeyError: 'age'", "pandas.errors.ParserError: bad row", "SystemExit: 42",
        ]
    )  # fmt: skip
    assert telling_lines(text) == (*files[:5], "pandas.errors.ParserError: bad row")


def test_a_mini_batch_that_failed_is_told() -> None:
    """As the driver writes it, cut to one readable line, without a signature."""
    line = (
        '2020-09-17|ERROR|230|Failed to process {"id": 0, "minibatch": [0]} ?sig=abc ' + "x" * 900
    )
    (told,) = telling_lines(line)
    assert told.startswith("2020-09-17|ERROR|230|Failed to process")
    assert len(told) == 300
    assert "abc" not in told


@given(st.none() | st.text() | st.integers() | st.dictionaries(st.text(), st.text()))
def test_whatever_a_log_holds_nothing_is_raised(log: object) -> None:
    """Anything may come back from an address."""
    assert isinstance(telling_lines(log), tuple)
    assert isinstance(telling_logs(log), list)
