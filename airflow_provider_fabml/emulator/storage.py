"""Blobs in and out of the storage account behind the datastores."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_fabml.emulator.uris import OnAccount, OnAsset, OnDatastore, parse_place

if TYPE_CHECKING:
    from pathlib import Path

    from azure.storage.blob import BlobServiceClient, ContainerClient

    from airflow_provider_fabml.emulator.workspace import StorageAccount, Workspace


class StorageError(Exception):
    """Data cannot be read or written; the text is what the job's child run reports."""


class BlobPath(NamedTuple):
    """A blob, or a folder of blobs, in a container."""

    container: str
    path: str


def _client(account: StorageAccount) -> BlobServiceClient:
    from azure.storage.blob import BlobServiceClient

    options: dict[str, Any] = {"retry_total": 2}
    if account.ca_bundle is not None:
        options["connection_verify"] = str(account.ca_bundle)
    credential = {"account_name": account.account, "account_key": account.key}
    return BlobServiceClient(account.url, credential=credential, **options)


@dataclass
class Storage:
    """Reads inputs and writes outputs of jobs."""

    workspace: Workspace

    def __post_init__(self) -> None:
        account = self.workspace.storage
        self._service = None if account is None else _client(account)

    def locate(self, uri: str) -> BlobPath:
        """Return the blob path that ``uri`` means; raise ``StorageError`` if it means none."""
        place = parse_place(uri)
        if isinstance(place, OnAsset):
            return self.locate(self._asset_path(place))
        if isinstance(place, OnDatastore):
            store = self.workspace.datastore(place.datastore)
            if store is None:
                raise StorageError(f"Datastore '{place.datastore}' was not found.")
            return BlobPath(store.container, place.path)
        if isinstance(place, OnAccount) and place.account in self._account_names():
            return BlobPath(place.container, place.path)
        raise StorageError(
            f"'{uri}' cannot be reached: the emulator knows the storage accounts "
            f"{sorted(self._account_names())} and nothing beyond them."
        )

    def files(self, uri: str, *, folder: bool) -> tuple[BlobPath, list[str]]:
        """Return the container and the sorted blob names that an input means.

        Folders include everything below them; directory markers are no files.
        """
        at = self.locate(uri)
        client = self._container(at.container)
        if not folder:
            if not client.get_blob_client(at.path).exists():
                raise StorageError(f"The input file '{uri}' does not exist.")
            return at, [at.path]
        prefix = f"{at.path}/" if at.path else ""
        names = sorted(
            blob.name
            for blob in client.list_blobs(name_starts_with=prefix, include=["metadata"])
            if not (blob.metadata or {}).get("hdi_isfolder") and not blob.name.endswith("/")
        )
        if not names:
            raise StorageError(f"The input folder '{uri}' has no files.")
        return at, names

    def fetch(self, container: str, name: str, target: Path) -> None:
        """Download one blob to ``target``."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            self._container(container).download_blob(name).readinto(file)

    def exists(self, uri: str) -> bool:
        """Return whether a blob lies at ``uri``."""
        at = self.locate(uri)
        return bool(self._container(at.container).get_blob_client(at.path).exists())

    def digest(self, uri: str, *, folder: bool) -> list[tuple[str, str]]:
        """Return name and entity tag of every file of an input."""
        at, names = self.files(uri, folder=folder)
        client = self._container(at.container)
        return [(name, client.get_blob_client(name).get_blob_properties().etag) for name in names]

    def send(self, source: Path, uri: str) -> None:
        """Upload one file to ``uri``; the default datastore's container is made if need be."""
        at = self.locate(uri)
        client = self._container(at.container)
        if at.container == self.workspace.default_datastore.container and not client.exists():
            _make(client)
        with source.open("rb") as file:
            client.upload_blob(at.path, file, overwrite=True)

    def send_folder(self, folder: Path, uri: str) -> int:
        """Upload every file below ``folder`` below ``uri``; return how many there were."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in files:
            self.send(path, f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}")
        return len(files)

    def close(self) -> None:
        """Close the connections."""
        if self._service is not None:
            self._service.close()

    def _container(self, name: str) -> ContainerClient:
        if self._service is None:
            raise StorageError(
                "The emulator has no storage account: start it with --storage-url and "
                "--storage-key, or name one under 'storage' in the workspace file."
            )
        return self._service.get_container_client(name)

    def _account_names(self) -> set[str]:
        account = self.workspace.storage
        names = {store.account_name for store in self.workspace.datastores if store.account_name}
        return names | ({account.account} if account else set())

    def _asset_path(self, wanted: OnAsset) -> str:
        found = [asset for asset in self.workspace.data_assets if asset.name == wanted.name]
        if wanted.version is not None:
            found = [asset for asset in found if asset.version == wanted.version]
        if not found:
            raise StorageError(f"Data asset '{wanted.name}:{wanted.version}' was not found.")
        return max(found, key=lambda asset: _natural(asset.version)).path


def _natural(version: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", version) if part]


def _make(client: ContainerClient) -> None:
    import contextlib

    from azure.core.exceptions import ResourceExistsError

    with contextlib.suppress(ResourceExistsError):
        client.create_container()
