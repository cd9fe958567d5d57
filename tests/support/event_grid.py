"""Messages as Event Grid puts them into a queue, about places of an account."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

_TOPIC = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers"
    "/Microsoft.Storage/storageAccounts/"
)


def message(
    account: str,
    container: str,
    path: str,
    *,
    api: str = "FlushWithClose",
    cloud: bool = False,
    encoded: bool = True,
) -> str:
    """Give one message: `cloud` for the CloudEvents schema, `encoded` for base64."""
    text = json.dumps(event(account, container, path, api=api, cloud=cloud))
    return base64.b64encode(text.encode()).decode() if encoded else text


def event(
    account: str, container: str, path: str, *, api: str = "FlushWithClose", cloud: bool = False
) -> dict[str, Any]:
    """Give one event; a rename's `path` is its destination."""
    kind = {"RenameFile": "BlobRenamed", "RenameDirectory": "DirectoryRenamed"}.get(api)
    url = f"https://{account}.dfs.core.windows.net/{container}/{path}"
    data: dict[str, Any] = {"api": api, "url": url, "contentLength": 4}
    if kind:
        data = {"api": api, "destinationUrl": url, "sourceUrl": f"{url}.tmp"}
    shared = {
        "id": "d5c1e0f2-001e-0018-0062-3a1f2b000000",
        "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "data": data,
    }
    now, name = datetime.now(UTC).isoformat(), f"Microsoft.Storage.{kind or 'BlobCreated'}"
    if cloud:
        head = {"specversion": "1.0", "source": f"{_TOPIC}{account}", "type": name, "time": now}
    else:
        head = {"topic": f"{_TOPIC}{account}", "eventType": name, "eventTime": now}
    return {**head, **shared}
