"""Partition templates: keys and folders of every kind, there and back."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.errors import UsageError

NAMES = st.from_regex(
    r"[A-Za-z0-9]([A-Za-z0-9_.~\-]{0,20}[A-Za-z0-9_~\-])?", fullmatch=True
).filter(lambda name: name != "None")
TIMES = st.datetimes()
PIECES = ["date=", "2026", "-", "01", "30", "/", "eu", "a.csv", "None", "_x", "|", "\n", "é"]
PATHS = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
LITERALS = st.from_regex(r"[a-z][a-z0-9=+() $^.|-]{0,6}", fullmatch=True).filter(
    lambda text: text == text.strip() and "none" not in text.lower()
)


@st.composite
def templates(draw):
    """A template with what a path under it looks like: `(text, path, key)`."""
    depth = draw(st.integers(1, 5))
    moment, folders, texts, names = draw(TIMES), [], [], []
    values = [f"{moment.year:04d}", *moment.strftime("%m %d %H %M").split()]
    for code, value in zip("YmdHM"[:depth], values, strict=False):
        literal = draw(LITERALS)
        texts.append(f"{literal}%{code}")
        folders.append(f"{literal}{value}")
    key = "".join(a + b for a, b in zip(["", "-", "-", "T", ""], values[:depth], strict=False))
    for index in range(draw(st.integers(0, 2))):
        literal, name = draw(LITERALS), draw(NAMES)
        texts.append(f"{literal}{{n{index}}}")
        folders.append(f"{literal}{name}")
        names.append(name)
    return "/".join(texts), "/".join(folders), "|".join([key, *names])


@given(templates())
def test_a_path_gives_its_key_and_the_key_its_folder(example):
    """Key and folder of a path are what was put in, and each gives back the other."""
    text, folder, key = example
    template = parse_template(text)

    assert template.partition_of(f"{folder}/part-0.csv") == (key, folder)
    assert template.folder_of(key) == folder
    assert folder.startswith(template.prefix)


@given(st.sampled_from(["date=%Y-%m-%d", "%Y/%m/%d", "{a}/%Y%m%d/{b}", "{key}"]), PATHS)
def test_any_text_is_a_partition_of_its_own_folder_or_none(text, path):
    """Whatever a blob is called, a key that it gets leads back to the folder it lies in."""
    template = parse_template(text)
    found = template.partition_of(path)
    if found is not None:
        key, folder = found
        assert path.startswith(f"{folder}/")
        assert template.folder_of(key) == folder


@given(st.dates(), st.dates())
def test_keys_are_ordered_by_their_date(one, other):
    """The order of keys is that of their dates, wherever the date stands in the key."""
    template = parse_template("{region}/%d.%m.%Y")
    keys = [f"{place}|{day.isoformat()}" for place, day in (("z", one), ("a", other))]
    if one < other:
        assert template.order(keys[0]) < template.order(keys[1])


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        ("daily/date=%Y-%m-%d", "daily/date=2026-01-31/a/b.csv", ("2026-01-31", "daily/date=2026-01-31")),
        ("daily/date=%Y-%m-%d", "daily/date=2026-02-30/b.csv", None),
        ("daily/date=%Y-%m-%d", "daily/date=2026-01-31", None),
        ("daily/date=%Y-%m-%d", "daily/date=2026-01-31/", None),
        ("daily/date=%Y-%m-%d", "daily/date=2026-01-310/b.csv", None),
        ("daily/date=%Y-%m-%d", "daily-old/date=2026-01-31/b.csv", None),
        ("daily/date=%Y-%m-%d", "x/daily/date=2026-01-31/b.csv", None),
        ("y=%Y/m=%m/d=%d", "y=2026/m=01/d=31/b", ("2026-01-31", "y=2026/m=01/d=31")),
        ("%Y/date=%Y-%m-%d", "2026/date=2026-01-31/b", ("2026-01-31", "2026/date=2026-01-31")),
        ("%Y/date=%Y-%m-%d", "2025/date=2026-01-31/b", None),
        ("in={in}/on=%Y-%m-%d", "in=eu/on=2026-01-31/b", ("eu|2026-01-31", "in=eu/on=2026-01-31")),
        ("{region}-%Y%m%d%H%M", "a-b-202601310730/b", ("a-b|2026-01-31T0730", "a-b-202601310730")),
        ("{key}", "_temporary/b", None),
        ("{key}", ".hidden/b", None),
        ("{key}", "None/b", None),
        ("{key}", "a|b/b", None),
        ("{key}", "x" * 251 + "/b", None),
        ("{key}", "x" * 250 + "/b", ("x" * 250, "x" * 250)),
    ],
)  # fmt: skip
def test_what_is_a_partition(text, path, found):
    """Folders that are one, and those that only look like it."""
    assert parse_template(text).partition_of(path) == found


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("daily/date=%Y-%m-%d", "daily/date="),
        ("{key}", ""),
        ("a/b/{key}/c/", "a/b/"),
    ],
)
def test_a_listing_begins_with_what_never_varies(text, prefix):
    """The prefix is the longest part before the first code or name."""
    assert parse_template(text).prefix == prefix


@pytest.mark.parametrize(
    "key", ["2026-13-01", "2026-1-1", "eu|2026-01-01", "2026-01-01/..", "2026-01-01\n"]
)
def test_a_key_of_another_shape_has_no_folder(key):
    """What the template cannot have made is refused with an example."""
    with pytest.raises(UsageError, match="2026-01-31"):
        parse_template("date=%Y-%m-%d").folder_of(key)


def test_every_day_of_a_year_has_a_key_of_its_own():
    """Keys of 366 days are distinct, in order, and ISO dates."""
    template = parse_template("y=%Y/m=%m/d=%d")
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(366)]
    keys = [template.partition_of(f"{day:y=%Y/m=%m/d=%d}/x")[0] for day in days]
    assert keys == [f"{day:%Y-%m-%d}" for day in days]
    assert sorted(keys, key=template.order) == keys
