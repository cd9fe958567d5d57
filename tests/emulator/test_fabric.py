"""Fabric's shortcut API, as Microsoft Learn describes it, over HTTPS."""

from __future__ import annotations

import pytest
from support.fabric import CLIENT, LAKE, OTHER, WORKSPACE, adls, onelake, served, shortcut

from airflow_provider_fabml.emulator import EmulatorServer, WorkspaceFileError, load_workspace
from airflow_provider_fabml.emulator.control import ControlError
from airflow_provider_fabml.emulator.tokens import ARM_AUDIENCE, FABRIC_AUDIENCE, STORAGE_AUDIENCE

SHORTCUTS = [
    adls("Files/datasets", "/trusted/datasets"),
    onelake("Files/deep/down/far", LAKE, "Files/x"),
    shortcut("Tables/noaccess", "AmazonS3"),
]
ITEM = f"/v1/workspaces/{WORKSPACE}/items/{LAKE}"


@pytest.fixture(scope="module")
def emulator():
    """An emulator with three shortcuts."""
    with EmulatorServer(served(SHORTCUTS)) as running:
        yield running


@pytest.fixture
def asks(emulator, client_of):
    """Send a GET with a token of Fabric's audience, or with another; every switch as it was."""
    client = client_of(emulator)
    emulator.control.set_switches(page_size=30, fabric_target_type=True, fabric_last_page="absent")
    emulator.control.set_fabric(**served(SHORTCUTS)["fabric"])

    def ask(path: str, audience: str = FABRIC_AUDIENCE, principal: int = 0):
        return client.ask("GET", path, token=client.token(audience, principal))

    return ask


def test_a_list_has_all_shortcuts_however_deep(asks):
    """Path, name and target are as Fabric writes them; a hidden target has its type alone."""
    assert asks(f"{ITEM}/shortcuts").json() == {"value": SHORTCUTS}
    below = asks(f"{ITEM}/shortcuts?parentPath=Files/deep").json()["value"]
    assert [one["name"] for one in below] == ["far"]
    assert asks(f"{ITEM}/shortcuts?parentPath=Files/dee").json()["value"] == []


def test_pages_are_followed_by_token_and_by_uri(emulator, asks):
    """Each page names the next in both ways, the last one does not, and a bad token is refused."""
    emulator.control.set_switches(page_size=2)
    first = asks(f"{ITEM}/shortcuts").json()
    assert [one["name"] for one in first["value"]] == ["datasets", "far"]
    by_uri = asks(first["continuationUri"].removeprefix(emulator.url)).json()
    token = {"continuationToken": first["continuationToken"]}
    by_token = asks(f"{ITEM}/shortcuts?continuationToken={token['continuationToken']}").json()
    assert by_uri == by_token == {"value": SHORTCUTS[2:]}
    refused = asks(f"{ITEM}/shortcuts?continuationToken=nonsense")
    assert (refused.status_code, refused.json()["errorCode"]) == (400, "InvalidContinuationToken")


def test_a_shortcut_is_read_by_path_and_name(asks):
    """The one that is there, and a 404 for any other path."""
    assert asks(f"{ITEM}/shortcuts/Files/deep/down/far").json() == SHORTCUTS[1]
    missing = asks(f"{ITEM}/shortcuts/Files/deep/down")
    assert (missing.status_code, set(missing.json())) == (
        404,
        {"requestId", "errorCode", "message", "moreDetails"},
    )


def test_names_lead_to_ids(asks):
    """Workspaces and items are listed with display names; items by type."""
    assert [(w["id"], w["displayName"]) for w in asks("/v1/workspaces").json()["value"]] == [
        (WORKSPACE, "Sales"),
        (OTHER, "Far"),
    ]
    items = f"/v1/workspaces/{WORKSPACE.upper()}/items"
    (item,) = asks(f"{items}?type=lakehouse").json()["value"]
    assert (item["id"], item["displayName"], item["workspaceId"]) == (LAKE, "Raw", WORKSPACE)
    assert asks(f"{items}?type=Warehouse").json()["value"] == []


@pytest.mark.parametrize("path", [ITEM.replace(LAKE, OTHER), ITEM.replace(WORKSPACE, LAKE)])
def test_what_is_not_there_is_404(asks, path):
    """An item of another workspace is not found, nor is a workspace that has no such id."""
    answer = asks(f"{path}/shortcuts")
    assert answer.status_code == 404
    assert answer.json()["errorCode"] in {"ItemNotFound", "WorkspaceNotFound"}


@pytest.mark.parametrize("audience", [ARM_AUDIENCE, STORAGE_AUDIENCE])
def test_tokens_for_another_audience_are_refused(asks, audience):
    """The Resource Manager's and storage's tokens are no tokens of Fabric's."""
    answer = asks(f"{ITEM}/shortcuts", audience)
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "InvalidToken")
    assert "insufficient_claims" not in answer.headers["WWW-Authenticate"]


def test_fabrics_token_opens_nothing_else(emulator, asks):
    """The Resource Manager refuses it."""
    assert asks(emulator.workspace.path, FABRIC_AUDIENCE).status_code == 401


def test_a_principal_without_a_role_is_refused(asks):
    """403 in Fabric's own shape."""
    answer = asks(f"{ITEM}/shortcuts", principal=1)
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "InsufficientPrivileges")


def test_the_unknown_has_switches(emulator, asks):
    """A target without its type, and a last page that says null."""
    emulator.control.set_switches(fabric_target_type=False, fabric_last_page="null")
    answer = asks(f"{ITEM}/shortcuts").json()
    assert (answer["continuationToken"], answer["continuationUri"]) == (None, None)
    assert [list(one["target"]) for one in answer["value"]] == [["adlsGen2"], ["oneLake"], []]


def test_shortcuts_change_while_it_runs(emulator, asks):
    """The control API puts others in their place, and refuses what Fabric does not have."""
    emulator.control.set_fabric(**served(SHORTCUTS[:1])["fabric"])
    assert asks(f"{ITEM}/shortcuts").json()["value"] == SHORTCUTS[:1]
    with pytest.raises(ControlError, match="Ftp"):
        emulator.control.set_fabric(**served([shortcut("Files/x", "Ftp")])["fabric"])


@pytest.mark.parametrize(
    "wrong",
    [
        shortcut("Files/x", "AdlsGen2", bucket="b"),
        shortcut("Elsewhere/x", "AdlsGen2"),
        shortcut("Files/a%b", "AdlsGen2"),
    ],
)
def test_a_shortcut_that_fabric_would_not_make_is_refused(wrong):
    """A key of another kind, a path outside Files and Tables, a percent sign in the name."""
    with pytest.raises(WorkspaceFileError, match="fabric"):
        load_workspace(served([wrong]))


def test_one_id_names_one_thing():
    """Two items of one id are refused."""
    data = served([])
    data["fabric"]["workspaces"][1]["items"][0]["id"] = LAKE
    with pytest.raises(WorkspaceFileError, match="given twice"):
        load_workspace(data)


def test_the_request_log_tells_the_audience(emulator, asks):
    """A witness of who asked with which token."""
    asks("/v1/workspaces")
    told = emulator.requests.all()[-1].authorization
    assert (told["aud"], told["appid"]) == (FABRIC_AUDIENCE, CLIENT)
