"""Fabric's client against the emulator's Fabric, over HTTPS with real tokens."""

from __future__ import annotations

import pytest
from support.fabric import (
    CLIENT,
    FAR,
    LAKE,
    OTHER,
    SECRET,
    WORKSPACE,
    adls,
    fabric,
    fields,
    onelake,
    served,
    shortcut,
)

from airflow_provider_fabml.clients import fabric as module
from airflow_provider_fabml.clients.fabric import FabricClient
from airflow_provider_fabml.core.connections.storage_connection import parse_storage_connection
from airflow_provider_fabml.core.errors import PermanentError, TransientError
from airflow_provider_fabml.core.service import fabric_flows
from airflow_provider_fabml.core.storage.shortcuts.item_path import ItemPath, Lakehouse
from airflow_provider_fabml.core.storage.shortcuts.remembered import Remembered
from airflow_provider_fabml.core.storage.storage_url import StorageUrl
from airflow_provider_fabml.emulator import EmulatorServer
from airflow_provider_fabml.emulator.tokens import FABRIC_AUDIENCE

RAW = Lakehouse(WORKSPACE, LAKE)
NAMED = Lakehouse("Sales", "Raw.Lakehouse")
X = ItemPath(RAW, "Files/datasets/x")
LAKE_X = StorageUrl("acct", "lake", "in/x", "https://acct.blob.core.windows.net")
SHORTCUTS = [
    *(adls(f"Files/s{n}", f"/lake/s{n}") for n in range(5)),
    adls("Files/datasets", "/lake/in"),
    onelake("Files/far", FAR, "Tables/near", OTHER),
]
FAR_SHORTCUTS = [adls("Tables/near", "/pond/t")]


@pytest.fixture(scope="module")
def emulator():
    """One emulator for all."""
    with EmulatorServer(served(SHORTCUTS, FAR_SHORTCUTS)) as running:
        yield running


@pytest.fixture
def serves(emulator):
    """The emulator as it was, with nothing waiting and nothing logged."""
    emulator.control.set_switches(page_size=30, fabric_target_type=True, fabric_last_page="absent")
    emulator.control.set_fabric(**fabric(SHORTCUTS, FAR_SHORTCUTS))
    emulator.control.clear_faults()
    emulator.requests.clear()
    return emulator


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.time


def client(emulator, *, now=None, known=None, **changes) -> FabricClient:
    """A client that remembers nothing of other tests."""
    settings = parse_storage_connection(**fields(emulator, **changes), field="connection 'c'")
    known = Remembered(256, 300.0) if known is None else known
    return FabricClient(settings, now=now or Clock(), known=known)


def asked(emulator) -> list[str]:
    """What Fabric was asked, without the host."""
    return [entry.path for entry in emulator.requests.all() if entry.path.startswith("/v1/")]


LIST = f"/v1/workspaces/{WORKSPACE}/items/{LAKE}/shortcuts"


def test_a_place_is_found_with_fabrics_own_token(serves):
    """One list, one token: for Fabric's audience, got from the connection's issuer."""
    with client(serves) as subject:
        assert subject.locate(X) == LAKE_X

    assert asked(serves) == [LIST]
    claims = serves.requests.matching("GET", "/shortcuts")[0].authorization
    assert (claims["aud"], claims["appid"]) == (FABRIC_AUDIENCE, CLIENT)


@pytest.mark.parametrize("last_page", ["absent", "null"])
@pytest.mark.parametrize("shows_type", [True, False])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_every_page_is_read_under_every_position(serves, size, shows_type, last_page):
    """Whatever the size of a page and the shape of an answer, the last shortcut is found."""
    serves.control.set_switches(
        page_size=size, fabric_target_type=shows_type, fabric_last_page=last_page
    )
    with client(serves) as subject:
        found = subject.locate(ItemPath(RAW, "Files/far/x"))

    assert found == StorageUrl("acct", "pond", "t/x", "https://acct.blob.core.windows.net")
    assert len(asked(serves)) == -(-7 // size) + 1


def test_names_are_looked_up_once(serves):
    """Workspace and item are found by display name, then asked by their GUIDs."""
    with client(serves) as subject:
        assert subject.locate(X._replace(lakehouse=NAMED)) == LAKE_X
        assert subject.locate(ItemPath(NAMED, "Files/s1/x")).path == "s1/x"

    assert asked(serves) == ["/v1/workspaces", f"/v1/workspaces/{WORKSPACE}/items", LIST]


@pytest.mark.parametrize(
    "lakehouse", [Lakehouse("Sale", "Raw.Lakehouse"), Lakehouse("Sales", "Raw.Warehouse")]
)
def test_a_name_that_is_not_there_is_told(serves, lakehouse):
    """With the names that are, and the advice to write GUIDs."""
    with client(serves) as subject, pytest.raises(PermanentError, match="0 of the name") as refused:
        subject.locate(ItemPath(lakehouse, "Files/x"))
    assert "GUIDs" in str(refused.value)


def test_a_list_too_long_is_asked_by_name(serves, monkeypatch):
    """Beyond the last page that is read, the shortcut above is got from the top down."""
    monkeypatch.setattr(fabric_flows, "MAX_PAGES", 2)
    serves.control.set_switches(page_size=1)
    deep = [adls("Files/a/b/c", "/lake/abc"), *SHORTCUTS]
    serves.control.set_fabric(**fabric(deep))
    with client(serves) as subject:
        assert subject.locate(ItemPath(RAW, "Files/a/b/c/d")).path == "abc/d"
        assert subject.locate(ItemPath(RAW, "Files/no/where")) == ItemPath(RAW, "Files/no/where")

    single = [path.removeprefix(LIST) for path in asked(serves) if path != LIST]
    assert single == ["/Files/a", "/Files/a/b", "/Files/a/b/c", "/Files/no", "/Files/no/where"]


def test_what_was_said_holds_for_five_minutes(serves):
    """No request within the age, one after it, also in another client of the same identity."""
    now, known = Clock(), Remembered(module.MAX_KEPT, module.MAX_AGE)
    with client(serves, now=now, known=known) as subject:
        subject.locate(X)
    serves.control.set_fabric(**fabric([adls("Files/datasets", "/lake/moved")]))
    with client(serves, now=now, known=known) as subject:
        now.time = 299.0
        assert subject.locate(X) == LAKE_X
        now.time = 300.0
        assert subject.locate(X).path == "moved/x"
    assert asked(serves) == [LIST] * 2


def test_a_new_shortcut_is_seen_sooner(serves):
    """That no shortcut lies above a path is believed for fifteen seconds only."""
    now, place = Clock(), ItemPath(RAW, "Files/new/x")
    with client(serves, now=now) as subject:
        assert subject.locate(place) == place
        serves.control.set_fabric(**fabric([adls("Files/new", "/lake/new")]))
        now.time = 14.9
        assert subject.locate(place) == place
        now.time = 15.0
        assert subject.locate(place).path == "new/x"
    assert asked(serves) == [LIST] * 2


def test_one_identity_is_not_told_what_another_may_see(serves):
    """The same memory, another principal: Fabric decides again, and refuses."""
    known = Remembered(256, 300.0)
    with client(serves, known=known) as subject:
        subject.locate(X)
    other = client(serves, known=known, login=f"{CLIENT[:-1]}8")
    with other, pytest.raises(PermanentError, match="InsufficientPrivileges") as refused:
        other.locate(X)
    assert (refused.value.status, "Viewer" in str(refused.value)) == (403, True)


def test_an_error_is_not_remembered(serves):
    """A refusal that is mended holds no longer than it lasts."""
    serves.control.add_fault(kind="plain_403", path="/shortcuts")
    with client(serves) as subject:
        with pytest.raises(PermanentError):
            subject.locate(X)
        assert subject.locate(X) == LAKE_X


def test_a_wrong_secret_is_told_before_fabric_is_asked(serves):
    """Entra refuses; Fabric hears nothing."""
    with client(serves, password="wrong-secret") as subject, pytest.raises(PermanentError):
        subject.locate(X)
    assert asked(serves) == []
    assert SECRET not in repr(subject.__dict__)


@pytest.mark.parametrize(
    "place",
    [
        X._replace(lakehouse=Lakehouse(WORKSPACE, OTHER)),
        X._replace(lakehouse=Lakehouse(LAKE, LAKE)),
    ],
)
def test_what_is_not_there_is_permanent(serves, place):
    """An item or a workspace of another id: what to check, without a second request."""
    with client(serves) as subject, pytest.raises(PermanentError, match="NotFound") as refused:
        subject.locate(place)
    assert (refused.value.status, "ids" in str(refused.value)) == (404, True)
    assert len(asked(serves)) == 1


def test_a_short_wait_is_waited(serves):
    """429 with ``Retry-After: 1``: the same request again, and the answer."""
    serves.control.add_fault(kind="429_retry_after", path="/shortcuts")
    with client(serves) as subject:
        assert subject.locate(X) == LAKE_X
    assert asked(serves) == [LIST] * 2


def test_a_long_wait_is_told(serves):
    """429 with a minute: nobody holds a worker for it; the caller learns how long."""
    serves.control.add_fault(status=429, retry_after="60", path="/shortcuts", times=None)
    with client(serves) as subject, pytest.raises(TransientError) as told:
        subject.locate(X)
    assert (told.value.status, told.value.retry_after) == (429, 60.0)
    assert len(asked(serves)) == 1


@pytest.mark.parametrize(
    "kind", ["lost_answer", "truncated_json", "503_before", "claims_challenge"]
)
def test_a_read_survives_what_passes(serves, kind):
    """A lost or broken answer, a busy service, a demand for a new token: asked again."""
    serves.control.add_fault(kind=kind, path="/shortcuts")
    with client(serves) as subject:
        assert subject.locate(X) == LAKE_X


@pytest.fixture
def stranger():
    """A server that would take a token, if it were given one."""
    with EmulatorServer(served([])) as running:
        yield running
        assert running.requests.all() == []


def test_a_page_that_names_another_host_is_not_followed_there(serves, stranger):
    """The token of the next page is sent to Fabric, wherever the page's URI leads (D16)."""
    serves.control.set_switches(page_size=3)
    edit = {"/continuationUri": "{to}/v1/x"}
    serves.control.add_fault(edit=edit, to=stranger.url, path="/shortcuts", times=2)
    with client(serves) as subject:
        assert subject.locate(X) == LAKE_X
    assert asked(serves) == [LIST] * 3


def test_a_redirect_is_not_followed(serves, stranger):
    """It is no answer of Fabric's, and its target sees no token."""
    serves.control.add_fault(kind="redirect", to=stranger.url, path="/shortcuts")
    with client(serves) as subject, pytest.raises(PermanentError, match="HTTP 307"):
        subject.locate(X)


def test_other_kinds_are_refused_by_name(serves):
    """What Fabric shows and nobody can read; a hidden one asks for access."""
    serves.control.set_fabric(
        **fabric(
            [
                shortcut("Files/s3", "AmazonS3", location="https://b"),
                shortcut("Files/h", "AdlsGen2"),
            ]
        )
    )
    with client(serves) as subject:
        with pytest.raises(PermanentError, match="AmazonS3"):
            subject.locate(ItemPath(RAW, "Files/s3/x"))
        with pytest.raises(PermanentError, match="does not tell where"):
            subject.locate(ItemPath(RAW, "Files/h/x"))


def test_a_connection_that_does_not_ask_has_no_client(serves):
    """The field to write is named."""
    settings = parse_storage_connection(field="c")
    with pytest.raises(PermanentError, match="shortcuts = fabric"):
        FabricClient(settings)
