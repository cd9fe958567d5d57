"""One place has one value, however it is spelled."""

from __future__ import annotations

import json

import pytest

from airflow_provider_fabml.core.errors import UsageError
from airflow_provider_fabml.core.storage.location import Location, parse_mapping, resolve

ROW = {
    "shortcut": "datasets",
    "account": "acct",
    "container": "trusted",
    "prefix": "/datasets/",
    "datastore": "trusted_blob",
}
ACCT = "https://acct.blob.core.windows.net"
PLACE = Location("acct", "trusted", "datasets/uci", ACCT, "datastores/trusted_blob")


def find(text: str, *rows: dict, endpoint: str | None = None) -> Location:
    """Resolve `text` with mapping rows."""
    return resolve(
        text, parse_mapping(json.dumps(rows), "mapping"), default_endpoint=endpoint, field="path"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Files/datasets/uci",
        "Files/datasets/uci/",
        "abfss://trusted@acct.dfs.core.windows.net/datasets/uci",
        f"{ACCT}/trusted/datasets/uci",
        "https://acct.dfs.core.windows.net/trusted/datasets/uci",
        "azureml://datastores/trusted_blob/paths/datasets/uci",
        "abfss://ws@onelake.dfs.fabric.microsoft.com/LH.Lakehouse/Files/datasets/uci",
        "https://westeurope-onelake.blob.fabric.microsoft.com/ws/LH.Lakehouse/Files/datasets/uci",
    ],
)
def test_every_spelling_is_one_location(text):
    """Shortcut, storage URL, OneLake URL and datastore URI of one folder are equal."""
    assert find(text, ROW) == PLACE
    assert PLACE.datastore_uri == "azureml://datastores/trusted_blob/paths/datasets/uci"
    assert PLACE.url == f"{ACCT}/trusted/datasets/uci"


def test_a_location_survives_json():
    """What crosses a process boundary is plain JSON and comes back equal."""
    assert Location.from_json(json.loads(json.dumps(PLACE.to_json()))) == PLACE


def test_the_longest_shortcut_wins_by_whole_segments():
    """``Files/data`` is no prefix of ``Files/datasets``, and the deeper shortcut wins."""
    rows = [
        {**ROW, "shortcut": "Files/data", "prefix": "wrong"},
        {**ROW, "shortcut": "Files/datasets", "prefix": "outer"},
        {**ROW, "shortcut": "Files/datasets/uci", "prefix": "inner"},
    ]

    assert find("Files/datasets/uci/x", *rows).path == "inner/x"
    assert find("Files/datasets/uci2/x", *rows).path == "outer/uci2/x"
    assert find("Files/datasets", *rows).path == "outer"


def test_lakehouses_keep_their_shortcuts_apart():
    """A row that names a lakehouse serves only that one; other OneLake paths stay OneLake."""
    rows = [{**ROW, "lakehouse": "ws/A.Lakehouse"}]
    onelake = "https://onelake.dfs.fabric.microsoft.com/ws"

    assert find(f"{onelake}/A.Lakehouse/Files/datasets/uci", *rows) == PLACE
    other = find(f"{onelake}/B.Lakehouse/Files/datasets/uci", *rows)
    assert (other.account, other.container, other.path) == (
        "onelake",
        "ws",
        "B.Lakehouse/Files/datasets/uci",
    )
    assert other.datastore_uri is None


def test_a_datastore_shows_its_whole_container():
    """A path outside the mapped prefix has a datastore URI; another container has none."""
    assert find(f"{ACCT}/trusted/endpoints/x", ROW).datastore_uri == (
        "azureml://datastores/trusted_blob/paths/endpoints/x"
    )
    assert find(f"{ACCT}/other/endpoints/x", ROW).datastore_uri is None
    assert find(f"{ACCT}/trusted", ROW).datastore_uri is None


def test_the_closest_row_names_the_datastore():
    """Of two datastores on one container, the one whose prefix covers the path is taken."""
    rows = [ROW, {**ROW, "shortcut": "b", "prefix": "endpoints", "datastore": "scores"}]

    assert find(f"{ACCT}/trusted/endpoints/x", *rows).datastore == "datastores/scores"
    assert find(f"{ACCT}/trusted/datasets/x", *rows).datastore == "datastores/trusted_blob"


def test_a_long_datastore_uri_stays_long():
    """Subscription, group and workspace survive the way through a location."""
    uri = "azureml://subscriptions/s/resourcegroups/r/workspaces/w/datastores/trusted_blob/paths/a"

    assert find(uri, ROW).datastore_uri == uri


@pytest.mark.parametrize(
    ("default", "row", "endpoint"),
    [
        (None, {}, ACCT),
        ("http://127.0.0.1:1/own", {}, "http://127.0.0.1:1/acct"),
        (
            "https://own.blob.core.usgovcloudapi.net",
            {},
            "https://acct.blob.core.usgovcloudapi.net",
        ),
        ("https://onelake.blob.fabric.microsoft.com", {}, ACCT),
        (None, {"endpoint": "https://lake.contoso.com"}, "https://lake.contoso.com"),
        (None, {"endpoint": "https://acct.dfs.core.windows.net/"}, ACCT),
    ],
)
def test_a_row_is_reached_in_the_cloud_of_the_connection(default, row, endpoint):
    """A row's own endpoint comes first, then the connection's cloud or emulator."""
    assert find("Files/datasets/x", {**ROW, **row}, endpoint=default).endpoint == endpoint


def test_the_remedy_names_the_missing_row():
    """An unmapped shortcut is refused with what to add to the connection."""
    with pytest.raises(UsageError, match='"shortcut": "Files/other"'):
        find("Files/other/x", ROW)
    with pytest.raises(UsageError, match='"datastore": "other"'):
        find("azureml://datastores/other/paths/x", ROW)


def test_a_child_stays_below():
    """A child is below its place, and no relative path leads out of it."""
    assert PLACE.child("a/b.csv").path == "datasets/uci/a/b.csv"
    assert PLACE._replace(path="").child("a").path == "a"
    with pytest.raises(UsageError):
        PLACE.child("../other")
