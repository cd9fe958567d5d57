"""Globs mean what fsspec's translation of Python's own ``glob`` means."""

from __future__ import annotations

import re

import pytest
from fsspec.utils import glob_translate
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.glob import check_glob, compile_glob, literal_prefix

SEGMENTS = st.sampled_from(
    [
        "**",
        "*",
        "*.csv",
        "part-?.csv",
        "[ab]*",
        "[!ab]*",
        "[a-c]",
        "a",
        "b.csv",
        "?",
        "a*b",
        "[]]",
        "[!]a]",
    ]
)
PATTERNS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
NAMES = st.lists(
    st.sampled_from(["a", "b", "c", "]", "b.csv", "part-1.csv", "ab", "axb", "-"]),
    min_size=1,
    max_size=4,
).map("/".join)


@given(PATTERNS, NAMES)
def test_it_agrees_with_the_reference(pattern, name):
    """Any pattern matches any name exactly when the reference says so."""
    check_glob(pattern, field="glob")

    ours = compile_glob(pattern).fullmatch(name) is not None

    assert ours == (re.match(glob_translate(pattern), name) is not None)
    if ours:
        assert name.startswith(literal_prefix(pattern))


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("*.csv", ["a.csv"], ["a/b.csv", "a.csv.bak", "a.CSV"]),
        ("**/*.csv", ["a.csv", "a/b.csv", "a/b/c.csv"], ["a.txt"]),
        ("year=*/part-[0-9][0-9].parquet", ["year=2026/part-07.parquet"], ["part-07.parquet"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab/c"]),
        ("[!x]x", ["ax"], ["/x", "xx"]),
        ("a.b+(c)", ["a.b+(c)"], ["aXb+(c)"]),
    ],
)
def test_stars_and_segments(pattern, matches, others):
    """A star stays within its folder, two stars cross folders, everything else is literal."""
    compiled = compile_glob(pattern)

    assert [name for name in matches if not compiled.fullmatch(name)] == []
    assert [name for name in others if compiled.fullmatch(name)] == []


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("*.csv", ""),
        ("part-[0-9]*", "part-"),
        ("a/b/*.csv", "a/b/"),
        ("a.csv", "a.csv"),
        (None, ""),
    ],
)
def test_the_listing_is_narrowed_at_the_first_magic_character(pattern, prefix):
    """A bracket or question mark ends the literal prefix as a star does."""
    assert literal_prefix(pattern) == prefix


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_refused(pattern):
    """No text makes the translation fail in another way."""
    try:
        check_glob(pattern, field="glob")
    except UsageError:
        return
    compile_glob(pattern).fullmatch("a")
