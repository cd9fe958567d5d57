"""The manifests beside outputs, read from storage."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.arrivals.manifest import Manifest, OfPartitions, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_fabml.clients.storage import StorageClient
    from airflow_provider_fabml.core.storage.location import Location

log = logging.getLogger(__name__)
# A manifest is some kilobytes; what is larger is none.
LARGEST = 1024 * 1024


def manifests_of(
    client: StorageClient, root: Location, folders: Mapping[str, str]
) -> Iterator[Manifest]:
    """Give the manifests of some partitions below `root`: one listing, and one read for each.

    :param folders: as `OfPartitions` has them.
    Errors are those of `StorageClient`.
    """
    if not folders:
        return
    wanted = OfPartitions(folders)
    for page in client.list_pages(root):
        for blob in page:
            if blob.is_directory or not 0 < blob.size <= LARGEST or not wanted(blob.name):
                continue
            place = root._replace(path=blob.name)
            found = read_manifest(client.read_start(place, blob.size), blob.last_modified)
            if not found:
                log.warning("%s is no manifest of a partition; it is left out.", place.url)
            yield from found
