"""Partition templates: keys and folders of every kind, there and back."""

from __future__ import annotations

from datetime import date, timedelta

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.arrivals.partition_template import parse_template
from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.uri_text import check_text

NAMES = st.from_regex(
    r"[A-Za-z0-9]([A-Za-z0-9_.~\-]{0,20}[A-Za-z0-9_~\-])?", fullmatch=True
).filter(lambda name: name != "None")
TIMES = st.datetimes()
PIECES = ["date=", "2026", "-", "01", "30", "/", "eu", "a.csv", "None", "_x", "|", "\n", "é"]
PATHS = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
LITERALS = st.from_regex(r"[a-z][a-z0-9=+() $^.|-]{0,6}", fullmatch=True).filter(
    lambda text: text == text.strip() and "none" not in text.lower()
)


# Airflow's default for DAGs: what is not there is an error.
JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - no HTML


@st.composite
def templates(draw):
    """A template with a folder of it and that folder's key: `(text, folder, key)`."""
    depth = draw(st.integers(0, 5))
    names = draw(st.lists(NAMES, min_size=0 if depth else 1, max_size=3))
    moment = draw(TIMES)
    values = [f"{moment.year:04d}", *moment.strftime("%m %d %H %M").split()][:depth]
    codes = [(f"%{code}", value) for code, value in zip("YmdHM", values, strict=False)]
    tokens = codes + [(f"{{n{index}}}", name) for index, name in enumerate(names)]
    whole = [tuple("-".join(part) for part in zip(*codes[:3], strict=True))] if codes else []
    again = draw(st.lists(st.sampled_from(tokens + whole), max_size=4))
    order = draw(st.permutations(tokens + again))
    texts, folders = "", ""
    for token, value in order:
        crowded = "{" in token and "{" in texts.rpartition("/")[2]
        between = "/" if crowded else draw(st.sampled_from(["/", "-", ""]))
        before = draw(st.just("") | LITERALS)
        texts += f"{between}{before}{token}" if texts else f"{before}{token}"
        folders += f"{between}{before}{value}" if folders else f"{before}{value}"
    after = draw(st.just("") | LITERALS.map("-{}".format))
    date = "".join(a + b for a, b in zip(["", "-", "-", "T", ""], values, strict=False))
    parts = {token if "{" in token else "%": value for token, value in reversed(order)}
    components = dict.fromkeys(token if "{" in token else "%" for token, _ in order)
    key = "|".join(date if one == "%" else parts[one] for one in components)
    return texts + after, folders + after, key


@given(templates())
def test_a_path_gives_its_key_and_the_key_its_folder(example):
    """Key and folder of a path are what was put in, and each gives back the other."""
    text, folder, key = example
    template = parse_template(text)

    assert template.partition_of(f"{folder}/part-0.csv") == (key, folder)
    assert template.folder_of(key) == folder
    assert folder.startswith(template.prefix)


@given(templates())
def test_jinja_renders_the_folder_of_a_key(example):
    """What the text renders to is what the key's folder is."""
    text, folder, key = example
    template = parse_template(text)

    rendered = JINJA.from_string(template.jinja).render(partition_key=key)

    assert rendered == folder == template.folder_of(key)


@given(templates())
def test_jinja_without_a_key_is_no_folder(example):
    """In a run without a partition it cannot be rendered, or what comes out is refused."""
    found = JINJA.from_string(f"datasets/{parse_template(example[0]).jinja}/day.csv")
    with pytest.raises((TypeError, jinja2.UndefinedError, UsageError)) as caught:
        check_text(found.render(partition_key=None), field="uri")
    assert caught.type is not UsageError or caught.value.rule == "uri-none"
    with pytest.raises(jinja2.UndefinedError):
        found.render()


@pytest.mark.parametrize(
    ("text", "jinja"),
    [
        ("date=%Y-%m-%d", "date={{ partition_key }}"),
        ("{key}", "{{ partition_key }}"),
        ("day-{key}", "day-{{ partition_key[:] }}"),
        ("{key}.d", "{{ partition_key[:] }}.d"),
        ("date=%Y-%m-%d/hour=%H", "date={{ partition_key[:10] }}/hour={{ partition_key[11:13] }}"),
        ("%Y/%d.%m", "{{ partition_key[:4] }}/{{ partition_key[8:10] }}.{{ partition_key[5:7] }}"),
        (
            "in={in}/on=%Y-%m-%d",
            "in={{ partition_key.split('|')[0] }}/on={{ partition_key.split('|')[1] }}",
        ),
        (
            "%Y/{in}/%Y-%m-{in}",
            "{{ partition_key.split('|')[0][:4] }}/{{ partition_key.split('|')[1] }}/"
            "{{ partition_key.split('|')[0] }}-{{ partition_key.split('|')[1] }}",
        ),
    ],
)
def test_the_jinja_text_can_be_read(text, jinja):
    """It says no more than it must: a part of the key, and of a date the characters."""
    assert parse_template(text).jinja == jinja


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
