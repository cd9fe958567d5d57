"""Where a shortcut leads, and how far one is followed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fabric import FAR, LAKE, OTHER, WORKSPACE, adls, onelake, shortcut

from airflow_provider_fabml.core.errors import PermanentError
from airflow_provider_fabml.core.storage.location import Location
from airflow_provider_fabml.core.storage.mapping import parse_mapping
from airflow_provider_fabml.core.storage.shortcuts.chain import MAX_DEPTH, follow
from airflow_provider_fabml.core.storage.shortcuts.item_path import ItemPath, Lakehouse
from airflow_provider_fabml.core.storage.shortcuts.remembered import Remembered
from airflow_provider_fabml.core.storage.shortcuts.target import (
    Shortcut,
    read_shortcut,
    shortcut_above,
    target_of,
)
from airflow_provider_fabml.core.storage.storage_url import StorageUrl
from airflow_provider_fabml.core.storage.translation import end_location

RAW, DEEP = Lakehouse(WORKSPACE, LAKE), Lakehouse(OTHER, FAR)
ACCT = "https://acct.blob.core.windows.net"
HOST = "https://acct.dfs.core.windows.net"


def walk(path: str, **items: list[dict]) -> StorageUrl | ItemPath:
    """Follow `path` of ``Raw``; `items` are the shortcuts of ``raw`` and ``deep``."""
    known = {
        RAW.key: [read_shortcut(one) for one in items.get("raw", [])],
        DEEP.key: [read_shortcut(one) for one in items.get("deep", [])],
    }
    chain = follow(ItemPath(RAW, path))
    asked = next(chain)
    try:
        while True:
            asked = chain.send(shortcut_above(asked.path, known[asked.lakehouse.key]))
    except StopIteration as stop:
        return stop.value


@pytest.mark.parametrize(
    ("detail", "place"),
    [
        ({"location": HOST, "subpath": "/lake/in"}, ("lake", "in/x")),
        ({"location": f"{HOST}/", "subpath": "lake/in/"}, ("lake", "in/x")),
        ({"location": HOST, "subpath": "lake"}, ("lake", "x")),
        ({"location": HOST, "subpath": "/lake/a b/Ä"}, ("lake", "a b/Ä/x")),
    ],
)
@pytest.mark.parametrize("kind", ["AdlsGen2", "AzureBlobStorage"])
def test_a_shortcut_to_storage_ends_there(kind, detail, place):
    """With and without slashes, as Microsoft's examples write location and subpath."""
    detail = dict(detail)
    if kind == "AzureBlobStorage":
        detail["location"] = detail["location"].replace(".dfs.", ".blob.")
    assert walk("Files/d/x", raw=[shortcut("Files/d", kind, **detail)]) == StorageUrl(
        "acct", *place, ACCT
    )


@pytest.mark.parametrize(
    "record", [{"target": {"adlsGen2": {"location": HOST, "subpath": "l/in"}}}]
)
def test_a_target_without_type_is_known_by_its_object(record):
    """Microsoft's older examples have no ``type``; a path may begin with a slash."""
    found = read_shortcut({"path": "/Files/a", "name": "d", **record})
    assert (found.path, found.kind) == ("Files/a/d", "AdlsGen2")


def test_whole_segments_decide_and_the_longest_wins():
    """``Files/dat`` is not above ``Files/data``; what lies under no shortcut stays where it is."""
    raw = [adls("Files/dat", "/wrong"), adls("Files/data", "/lake/in")]
    assert walk("Files/data/x", raw=raw).path == "in/x"
    assert walk("Files/other", raw=raw) == ItemPath(RAW, "Files/other")


def chain_of(length: int) -> dict[str, list[dict]]:
    """Shortcuts that lead to and fro between two lakehouses, the last to storage."""
    raw, deep = [], []
    for step in range(length - 1):
        here, there = (raw, (OTHER, FAR)) if step % 2 == 0 else (deep, (WORKSPACE, LAKE))
        here.append(onelake(f"Files/s{step}", there[1], f"Files/s{step + 1}/in", there[0]))
    (raw if length % 2 else deep).append(adls(f"Files/s{length - 1}", "/lake/end"))
    return {"raw": raw, "deep": deep}


@pytest.mark.parametrize("length", range(1, MAX_DEPTH + 1))
def test_shortcuts_are_followed_through_shortcuts(length):
    """Each adds the folder it leads to, down to the fifth."""
    end = walk("Files/s0/x", **chain_of(length))
    assert end.path == "/".join(["end", *["in"] * (length - 1), "x"])


def test_a_sixth_is_refused():
    """The chain is shown, with what to do."""
    with pytest.raises(PermanentError, match=r"more than 5 shortcuts.*Files/s5") as refused:
        walk("Files/s0/x", **chain_of(MAX_DEPTH + 1))
    assert "nearer" in str(refused.value)


@pytest.mark.parametrize(
    "items",
    [
        {"raw": [onelake("Files/s0", LAKE, "Files/s0")]},
        {"raw": [onelake("Files/s0", LAKE.upper(), "Files/s0/deeper", WORKSPACE.upper())]},
        {
            "raw": [onelake("Files/s0", FAR, "Files/back", OTHER)],
            "deep": [onelake("Files/back", LAKE, "Files/s0")],
        },
    ],
)
def test_a_circle_is_refused(items):
    """A shortcut to itself, to a folder below itself, and two that lead to one another."""
    with pytest.raises(PermanentError, match="leads back to itself"):
        walk("Files/s0/x", **items)


@pytest.mark.parametrize(
    "kind",
    [
        "AmazonS3", "GoogleCloudStorage", "S3Compatible", "Dataverse", "ExternalDataShare",
        "OneDriveSharePoint", "SomethingNew", "",
    ],
)  # fmt: skip
def test_other_targets_are_refused(kind):
    """By name, with the shortcut's path and a remedy; also one that says nothing of itself."""
    with pytest.raises(
        PermanentError, match=f"'Files/d' leads to {kind or 'nothing known'},"
    ) as refused:
        walk("Files/d/x", raw=[shortcut("Files/d", kind, location="https://b", subpath="p")])
    assert "copy the data" in str(refused.value)


def test_another_targets_kind_hurts_only_its_own_paths():
    """A lakehouse may have an S3 shortcut beside the one that is asked for."""
    raw = [shortcut("Files/s3", "AmazonS3"), adls("Files/d", "/lake")]
    assert walk("Files/d/x", raw=raw).path == "x"


@pytest.mark.parametrize("kind", ["AdlsGen2", "OneLake"])
def test_a_target_that_fabric_hides_is_told(kind):
    """Microsoft's example of a caller without access has the type alone."""
    with pytest.raises(PermanentError, match="does not tell where shortcut 'Files/d'"):
        walk("Files/d", raw=[shortcut("Files/d", kind)])


@pytest.mark.parametrize(
    "detail",
    [
        {"location": "https://evil.test", "subpath": "/lake"},
        {"location": "https://u:p4ss@acct.dfs.core.windows.net", "subpath": "/lake"},
        {"location": HOST, "subpath": ""},
        {"location": HOST, "subpath": "/lake/../other"},
        {"location": HOST, "subpath": "/Not_A_Container"},
        {"location": None, "subpath": ["x"]},
        {"location": f"{HOST}?sv=1&sig=p4ss", "subpath": "/lake"},
    ],
)
def test_a_target_that_is_no_place_is_refused(detail):
    """A host that is no storage's, a login, a missing container: told without secrets."""
    with pytest.raises(PermanentError, match="leads where nothing can be read") as refused:
        target_of(Shortcut("Files/d", "AdlsGen2", detail))
    assert "p4ss" not in str(refused.value)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "path",
                    "name",
                    "target",
                    "type",
                    "adlsGen2",
                    "oneLake",
                    "location",
                    "subpath",
                    "itemId",
                ]
            ),
            inner | st.sampled_from(["AdlsGen2", "OneLake", "Files", HOST]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json)
def test_no_answer_of_a_service_breaks_it(record):
    """Whatever stands in a list, the only error is the one that says so."""
    with suppress(PermanentError):
        assert isinstance(target_of(read_shortcut(record)), StorageUrl | ItemPath)


def test_the_end_has_its_datastore():
    """A row that names the container's datastore serves a shortcut that Fabric told of."""
    rows = parse_mapping([{"account": "acct", "container": "lake", "datastore": "ds"}], "mapping")
    near = Location(
        "onelake", "w", "l.Lakehouse/Files/d", "https://x-onelake.blob.fabric.microsoft.com"
    )
    end = StorageUrl("acct", "lake", "in/x", ACCT)

    assert end_location(end, near, rows, None).datastore_uri == "azureml://datastores/ds/paths/in/x"
    assert end_location(end, near, rows, ACCT).endpoint == ACCT
    assert (
        end_location(end, near, rows, "http://127.0.0.1:1/own").endpoint
        == "http://127.0.0.1:1/acct"
    )
    inside = end_location(ItemPath(DEEP, "Files/x"), near, rows, None)
    assert inside.url == f"{near.endpoint}/{OTHER}/{FAR}/Files/x"


def test_what_is_remembered_is_bounded_and_grows_old():
    """The one longest unused goes first, and nothing is told after its age."""
    known = Remembered[str, int](2, 10.0)
    known.put("a", 1, 0.0)
    known.put("b", 2, 1.0)
    assert known.get("a", 5.0) == 1
    known.put("c", 3, 5.0)

    assert [known.get(key, 6.0) for key in "abc"] == [1, None, 3]
    assert (known.get("a", 9.9), known.get("a", 10.0), len(known)) == (1, None, 2)
    assert (known.get("c", 9.9, 4.9), known.get("c", 9.9, 5.0)) == (None, 3)
