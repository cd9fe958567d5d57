"""The empty Airflow database is kept and copied."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from airflow_provider_fabml.local import airflow_database


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """A ``FABML_HOME`` of the test's own."""
    monkeypatch.setenv("FABML_HOME", str(tmp_path / "home"))


def test_nothing_is_restored_before_something_is_kept(tmp_path):
    """Without a kept database the caller has to migrate."""
    assert airflow_database.restore(tmp_path / "new.db") is False
    assert not (tmp_path / "new.db").exists()


def test_what_is_kept_includes_the_write_ahead_log(tmp_path):
    """Rows that SQLite has not yet moved into the main file are copied too."""
    with closing(sqlite3.connect(tmp_path / "first.db")) as first:
        first.execute("PRAGMA journal_mode=WAL")
        first.execute("CREATE TABLE fact (word TEXT)")
        first.execute("INSERT INTO fact VALUES ('kept')")
        first.commit()
        airflow_database.keep(tmp_path / "first.db")
    assert airflow_database.restore(tmp_path / "second.db") is True
    with closing(sqlite3.connect(tmp_path / "second.db")) as second:
        assert second.execute("SELECT word FROM fact").fetchall() == [("kept",)]


def test_each_airflow_version_has_its_own():
    """Another Airflow never gets a database of this one's shape."""
    from airflow import __version__

    assert __version__ in airflow_database.template().name
