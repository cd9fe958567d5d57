"""Messages of Event Grid: rows of Microsoft's page, both schemas, both encodings, and rubbish.

Source of every row, unless it says otherwise: Microsoft Learn, "Azure Blob Storage as an Event Grid
source" (event types, ``data.api`` and examples), https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fabml.core.arrivals.event_grid import (
    LONGEST,
    Arrived,
    Ignored,
    UnreadableMessageError,
    parse_message,
)

TOPIC = (
    "/subscriptions/{subscription-id}/resourceGroups/Storage/providers/Microsoft.Storage"
    "/storageAccounts/my-storage-account"
)
AT = datetime(2017, 6, 26, 18, 41, 0, 958410, UTC)
HOST = "https://my-storage-account.dfs.core.windows.net"


def event(name: str, api: str, path: str = "new-file.txt", **data: Any) -> dict[str, Any]:
    """An event in Event Grid's own schema, as the page has it."""
    return {
        "topic": TOPIC,
        "subject": f"/blobServices/default/containers/my-file-system/blobs/{path}",
        "eventType": f"Microsoft.Storage.{name}",
        "eventTime": "2017-06-26T18:41:00.9584103Z",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": {"api": api, "requestId": "831e1650", "sequencer": "0442", **data},
        "dataVersion": "2",
        "metadataVersion": "1",
    }


def cloud(of: dict[str, Any]) -> dict[str, Any]:
    """The same in CloudEvents 1.0."""
    return {
        "source": of["topic"],
        "subject": of["subject"],
        "type": of["eventType"],
        "time": of["eventTime"],
        "id": of["id"],
        "data": of["data"],
        "specversion": "1.0",
    }


def renamed(name: str, api: str, to: str, subject: str | None = None) -> dict[str, Any]:
    """A rename, whose subject is its destination."""
    urls = {
        "destinationUrl": f"{HOST}/my-file-system/{to}",
        "sourceUrl": f"{HOST}/my-file-system/old",
    }
    return event(name, api, subject or to, **urls)


def arrived(api: str, path: str = "new-file.txt") -> Arrived:
    """What is expected."""
    return Arrived("my-storage-account", "my-file-system", path, AT, api)


ROWS = [
    # "triggered when clients use the PutBlob, PutBlockList, or CopyBlob operations"
    (event("BlobCreated", "PutBlob"), arrived("PutBlob")),
    (event("BlobCreated", "PutBlockList"), arrived("PutBlockList")),
    (event("BlobCreated", "CopyBlob"), arrived("CopyBlob")),
    # "CreateFile and FlushWithClose operations that are available in the Data Lake Storage REST API";
    # "filter the event for the FlushWithClose REST API call" for a file that is completely committed
    (event("BlobCreated", "FlushWithClose"), arrived("FlushWithClose")),
    (event("BlobCreated", "CreateFile", contentLength=0), None),
    # SFTP events: "SftpCreate" when a file is opened, "SftpCommit" when its content was written
    (event("BlobCreated", "SftpCommit"), arrived("SftpCommit")),
    (event("BlobCreated", "SftpCreate"), None),
    # an API that the page does not have yet: storage is looked at, and decides (ours)
    (event("BlobCreated", "PutBlobFromUrl"), arrived("PutBlobFromUrl")),
    # "RenameFile", "SftpRename": destinationUrl is "the new path to the blob"
    (renamed("BlobRenamed", "RenameFile", "b/new.txt"), arrived("RenameFile", "b/new.txt")),
    (renamed("BlobRenamed", "SftpRename", "b/x"), arrived("SftpRename", "b/x")),
    # "RenameDirectory": one event for the folder, none for what is in it
    (renamed("DirectoryRenamed", "RenameDirectory", "my-dir"), arrived("RenameDirectory", "my-dir")),
    (renamed("DirectoryRenamed", "SftpRename", "d/"), arrived("SftpRename", "d")),
    # whether subject or destinationUrl escapes characters, the page does not say (ours)
    (renamed("BlobRenamed", "RenameFile", "a%20b.csv", "a b.csv"), arrived("RenameFile", "a b.csv")),
    (renamed("BlobRenamed", "RenameFile", "a%20b.csv"), arrived("RenameFile", "a%20b.csv")),
    (renamed("BlobRenamed", "RenameFile", "new", "old"), arrived("RenameFile", "new")),
    (event("BlobCreated", "PutBlob", "Date=1/Ä ü+%.csv"), arrived("PutBlob", "Date=1/Ä ü+%.csv")),
    (event("BlobCreated", "PutBlob", "blobs/blobs/x"), arrived("PutBlob", "blobs/blobs/x")),
    *(
        (event(name, api), None)
        for name, api in (
            ("BlobDeleted", "DeleteBlob"), ("BlobDeleted", "DeleteFile"), ("BlobTierChanged", "SetBlobTier"),
            ("AsyncOperationInitiated", "SetBlobTier"), ("DirectoryCreated", "CreateDirectory"),
            ("DirectoryDeleted", "DeleteDirectory"), ("BlobInventoryPolicyCompleted", "x"),
            ("LifecyclePolicyCompleted", "x"),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("schema", [dict, cloud])
@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(("told", "expected"), ROWS)
def test_every_event_is_read_in_both_schemas_and_encodings(told, expected, schema, encoded):
    """Arrivals name account, container, path, time and API; others say why they are none."""
    text = json.dumps(schema(told))
    content = base64.b64encode(text.encode()) if encoded else text

    (found,) = parse_message(content)

    if expected is None:
        assert isinstance(found, Ignored)
        assert found.reason
    else:
        assert found == expected


def test_a_batch_is_read_in_order():
    """A list of events, mixed in schema and kind."""
    events = [told for told, _ in ROWS]
    mixed = [cloud(one) if number % 2 else one for number, one in enumerate(events)]

    found = parse_message(json.dumps(mixed).encode())

    assert [one if isinstance(one, Arrived) else None for one in found] == [e for _, e in ROWS]


def test_why_an_event_is_ignored_is_told():
    """With the API or the type, and that another event follows."""
    (begun,) = parse_message(json.dumps(event("BlobCreated", "CreateFile")))
    (gone,) = parse_message(json.dumps(event("BlobDeleted", "DeleteBlob")))
    (asked,) = parse_message(
        json.dumps([{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {}}])
    )

    assert begun == Ignored("CreateFile begins a file, and another event tells of its content")
    assert gone == Ignored("Microsoft.Storage.BlobDeleted is no arrival")
    assert asked.reason.startswith("Microsoft.EventGrid")


def without(*names: str, **changes: Any) -> dict[str, Any]:
    """A good event, spoiled."""
    good = {**event("BlobCreated", "PutBlob"), **changes}
    return {name: value for name, value in good.items() if name not in names}


RENAME = {"eventType": "Microsoft.Storage.BlobRenamed"}
RUBBISH = [
    "", "   ", "x", "{", "[]", "null", "5", '"text"', "[[]]", "{}", "[null]", "[" * 5000, "NaN",
    "9" * 5000, "eyJ", "AAAA", base64.b64encode(b"[]").decode(), base64.b64encode(b"\xff\xfe").decode(),
    "a" * (LONGEST + 1), b"\xff\xfe\x00", "\x00", base64.b64encode(b"[" * 5000),
    *(
        json.dumps(without(name)) for name in ("topic", "subject", "eventType", "eventTime", "data")
    ),
    *(
        json.dumps(without(**changes))
        for changes in (
            {"data": []}, {"data": {}}, {"data": {"api": 5}}, {"data": {"api": ""}},
            {"topic": "/subscriptions/x"}, {"topic": "/storageAccounts/a/b"}, {"topic": 5},
            {"topic": "/storageAccounts/../../x"},
            {"subject": "/blobServices/default/containers/c"},
            {"subject": "/blobServices/default/containers/C_C/blobs/x"},
            {"subject": "/blobServices/default/containers/c/blobs//"},
            {"subject": "/blobServices/default/containers/c/blobs/a\nb"},
            {"subject": "/blobServices/default/containers/c/blobs/\ud800"},
            {"eventTime": "yesterday"}, {"eventTime": "0001-01-01T00:00:00+14:00"}, {"eventTime": 5},
            RENAME, {**RENAME, "data": {"api": "RenameFile", "destinationUrl": "https://[x"}},
            {**RENAME, "data": {"api": "RenameFile", "destinationUrl": f"{HOST}/c"}},
            {**RENAME, "data": {"api": "RenameFile", "destinationUrl": f"{HOST}/c/%00"}},
            {"specversion": "1.0"},
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("content", RUBBISH, ids=range(len(RUBBISH)))
def test_poison_is_refused(content):
    """What no delivery makes readable is told so, without the content itself."""
    with pytest.raises(UnreadableMessageError) as refused:
        parse_message(content)
    assert len(str(refused.value)) < 300


def test_what_is_readable_beside_poison_is_kept():
    """One bad event of a batch sends it to the poison queue; the good ones still wake."""
    events = [event("BlobCreated", "PutBlob"), {"eventType": 5}, event("BlobDeleted", "DeleteBlob")]

    with pytest.raises(UnreadableMessageError, match="1 such") as refused:
        parse_message(json.dumps(events))

    assert refused.value.arrived == (arrived("PutBlob"),)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [*event("BlobCreated", "x"), *cloud(event("x", "y")), "api", "destinationUrl"]
            ),
            inner
            | st.sampled_from(["Microsoft.Storage.BlobCreated", "PutBlob", TOPIC, "https://a/c/x"]),
        )
    ),
    max_leaves=15,
)


@given(
    st.one_of(
        st.text(),
        st.binary(),
        json_values.map(json.dumps),
        json_values.map(lambda v: base64.b64encode(json.dumps(v).encode())),
    )
)
def test_nothing_but_the_refusal_is_raised(content):
    """Text, bytes, any JSON, any JSON in base64."""
    try:
        assert all(isinstance(one, Arrived | Ignored) for one in parse_message(content))
    except UnreadableMessageError as error:
        assert isinstance(error.arrived, tuple)  # noqa: PT017 - one of two right outcomes
