"""OneLake paths in every form, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.storage.location import Location, resolve
from airflow_provider_fabml.core.storage.mapping import MappingRow, parse_mapping
from airflow_provider_fabml.core.storage.shortcuts.item_path import (
    ItemPath,
    Lakehouse,
    is_item_text,
    parse_item_path,
    parse_lakehouse,
)
from airflow_provider_fabml.core.storage.translation import item_path_of, shortcut_path

NAMES = Lakehouse("Sales", "Raw.Lakehouse")
IDS = Lakehouse("aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000001")
ONELAKE = "https://onelake.blob.fabric.microsoft.com"
WEST = "https://westeurope-onelake.blob.fabric.microsoft.com"

segments = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\:{}?#%@", exclude_categories=["C", "Z"]),
    min_size=1,
    max_size=8,
).filter(lambda text: text not in {".", ".."} and "None" not in text and "&sig=" not in text)
paths = st.lists(segments, max_size=4).map(lambda parts: "/".join(["Files", *parts]))
names = st.text("abcXYZ019 -", min_size=1, max_size=9).map(lambda name: f"w{name}w")
lakehouses = st.one_of(
    st.tuples(names, names.map(lambda name: f"{name}.Lakehouse")),
    st.tuples(st.uuids().map(str), st.uuids().map(str)),
).map(lambda pair: Lakehouse(*pair))


def find(text: str, *rows: MappingRow, home: Lakehouse | None = None, endpoint=None) -> Location:
    """Resolve `text`."""
    return resolve(text, rows, default_endpoint=endpoint, lakehouse=home, field="path")


@given(lakehouses, paths)
def test_an_item_path_is_read_as_it_was_written(lakehouse, path):
    """Text, blob URL and abfss URI of one place are one place, and give it back."""
    place = ItemPath(lakehouse, path)

    assert parse_item_path(str(place), None, field="path") == place
    located = find(str(place))
    assert located == find(located.url)
    assert item_path_of(located) == place
    assert shortcut_path(located, ()) == str(place)
    if " " not in lakehouse.workspace:
        assert find(place.abfss) == located


@given(lakehouses, paths)
def test_a_home_is_said_once(home, path):
    """Bare paths are in the connection's lakehouse, as if it had been written."""
    assert find(path, home=home) == find(f"{home}/{path}")


rows = st.builds(
    MappingRow,
    shortcut=st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(
        lambda parts: "/".join(["Files", *parts])
    ),
    account=st.just("acct"),
    container=st.sampled_from(["lake", "pond"]),
    prefix=st.lists(st.sampled_from("abc"), max_size=2).map("/".join),
    datastore=st.none(),
    endpoint=st.none(),
    lakehouse=st.sampled_from([None, str(NAMES), str(IDS)]),
)
mappings = st.lists(rows, max_size=4, unique_by=lambda row: (row.lakehouse, row.shortcut))


@given(mappings, st.lists(st.sampled_from("abc"), max_size=4).map("/".join))
def test_the_way_back_leads_to_the_same_place(mapping, path):
    """Whatever shortcut path a place is given, resolving it finds the place again."""
    place = Location("acct", "lake", path, "https://acct.blob.core.windows.net")

    text = shortcut_path(place, mapping)

    assert text is None or find(text, *mapping) == place


@given(rows, st.lists(segments, max_size=3).map("/".join))
def test_a_single_row_leads_there_and_back(row, rest):
    """Shortcut path, place and datastore URI name each other."""
    row = row._replace(datastore="ds")
    text = "/".join(part for part in (row.lakehouse, row.shortcut, rest) if part)
    place = find(text, row)

    assert shortcut_path(place, [row]) == text
    # A datastore has no URI for its root, and takes no escape that could be read in two ways.
    uri = place.datastore_uri
    assert uri is None or find(uri, row) == place


def test_the_way_back_of_a_closer_row_wins():
    """Of two shortcuts that show a place, the one whose target is nearest is named."""
    mapping = parse_mapping(
        [
            {"shortcut": "all", "account": "acct", "container": "lake"},
            {"shortcut": "daily", "account": "acct", "container": "lake", "prefix": "in/daily"},
        ],
        "mapping",
    )
    place = Location("acct", "lake", "in/daily/x", "https://acct.blob.core.windows.net")

    assert shortcut_path(place, mapping) == "Files/daily/x"
    assert shortcut_path(place._replace(path="out"), mapping) == "Files/all/out"
    assert shortcut_path(place._replace(container="pond"), mapping) is None


@pytest.mark.parametrize(
    ("text", "endpoint", "url"),
    [
        ("Sales/Raw.Lakehouse/Files/a", None, f"{ONELAKE}/Sales/Raw.Lakehouse/Files/a"),
        ("Raw.Lakehouse/Tables/t", None, f"{ONELAKE}/Home/Raw.Lakehouse/Tables/t"),
        ("Files/a", None, f"{ONELAKE}/Home/Own.Lakehouse/Files/a"),
        ("Files", WEST, f"{WEST}/Home/Own.Lakehouse/Files"),
        (f"{IDS}/Files/a", WEST, f"{WEST}/{IDS}/Files/a"),
        (
            f"abfss://{IDS.workspace}@westeurope-onelake.dfs.fabric.microsoft.com/{IDS.item}/Files/a",
            ONELAKE,
            f"{WEST}/{IDS}/Files/a",
        ),
        (f"{WEST.replace('.blob.', '.dfs.')}/Sales/W.Warehouse/Tables/t", None, None),
        ("Sales/Raw.Lakehouse/Files/a", "https://acct.blob.core.windows.net", None),
    ],
)
def test_onelakes_own_files_are_at_its_own_endpoint(text, endpoint, url):
    """Without a row a path is OneLake's own, at the region that path or connection names."""
    home = Lakehouse("Home", "Own.Lakehouse")

    place = find(text, home=home, endpoint=endpoint)

    assert place.url == (url or place.url)
    assert place.endpoint in {ONELAKE, WEST}
    assert (place.account, place.datastore_uri) == ("onelake", None)


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        ("Sales/Raw.Lakehouse", "Sales/Raw.lakehouse"),
        (str(IDS), str(IDS).upper()),
    ],
)
def test_guids_and_types_have_no_case(named, asked):
    """A row serves its lakehouse however its GUIDs or its type are written, and no other."""
    row = {"shortcut": "d", "account": "acct", "container": "lake", "lakehouse": named}
    (parsed,) = parse_mapping([row], "mapping")

    assert find(f"{asked}/Files/d/x", parsed).account == "acct"
    assert find(f"{ONELAKE}/{asked}/Files/d/x", parsed).account == "acct"
    assert find("Far/Deep.Lakehouse/Files/d/x", parsed).account == "onelake"


def test_the_home_decides_between_lakehouses():
    """A bare path that two lakehouses have is the connection's own."""
    row = {
        "shortcut": "d",
        "account": "acct",
        "container": "lake",
        "lakehouse": "Sales/A.Lakehouse",
    }
    both = parse_mapping([row, {**row, "container": "pond", "lakehouse": "Sales/B.Lakehouse"}], "m")

    assert find("Files/d", *both, home=Lakehouse("Sales", "B.Lakehouse")).container == "pond"


@pytest.mark.parametrize(
    "text",
    ["azureml://datastores/d/paths/Files/x", "abfss://c@a/Files", "a/b/c/Files/x", "Filesystem/x"],
)
def test_other_texts_are_no_item_paths(text):
    """URIs, too many names, and words that only begin like Files."""
    assert not is_item_text(text)


def test_a_lakehouse_is_known_by_its_key():
    """Spellings of one lakehouse share a key; its name keeps its case."""
    assert parse_lakehouse("/Sales/Raw.LAKEHOUSE/", field="x").key == NAMES.key
    assert parse_lakehouse("Sales/raw.Lakehouse", field="x").key != NAMES.key
